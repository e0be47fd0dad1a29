//! Files: texts of programs and stored arrays. The end of a file's name says what is in it.

use crate::{columns, npy};
use moyal_lang::host::{Header, Stored};
use std::fs;
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::path::Path;

const KINDS: &str = "arrays are stored as .npy, or as columns of numbers in .txt, .dat or .csv";

enum Kind {
    Npy,
    Columns { separator: char },
}

fn kind(path: &Path) -> Result<Kind, String> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("npy") => Ok(Kind::Npy),
        Some("txt" | "dat") => Ok(Kind::Columns { separator: ' ' }),
        Some("csv") => Ok(Kind::Columns { separator: ',' }),
        Some(other) => Err(format!("files `.{other}` are not known here: {KINDS}")),
        None => Err(format!("the name \"{}\" does not say what kind of file it is: {KINDS}", path.display())),
    }
}

/// Whether arrays can be stored in a file of this name.
pub fn can_save(path: &Path) -> Result<(), String> {
    kind(path).map(|_| ())
}

pub fn save(path: &Path, value: &Stored) -> Result<(), String> {
    match kind(path)? {
        Kind::Npy => replace(path, |file| npy::write(file, value)),
        Kind::Columns { separator } => {
            let text = columns::text(value, separator)?;
            replace(path, |file| file.write_all(text.as_bytes()))
        }
    }
}

pub fn header(path: &Path) -> Result<Header, String> {
    match kind(path)? {
        Kind::Npy => Ok(npy::Layout::read(&mut open(path)?).map_err(|e| spoilt(path, &e))?.header),
        Kind::Columns { .. } => {
            let stored = load(path)?;
            Ok(Header { scalar: stored.real.scalar(), complex: false, shape: stored.real.shape.clone() })
        }
    }
}

pub fn load(path: &Path) -> Result<Stored, String> {
    match kind(path)? {
        Kind::Npy => {
            let length = fs::metadata(path).map_err(|e| unreadable(path, &e))?.len();
            npy::read(&mut open(path)?, length).map_err(|e| spoilt(path, &e))
        }
        Kind::Columns { .. } => columns::parse(&read_text(path)?).map_err(|e| spoilt(path, &e)),
    }
}

fn open(path: &Path) -> Result<BufReader<fs::File>, String> {
    // Opening a directory succeeds.
    match fs::metadata(path) {
        Ok(m) if m.is_dir() => Err(format!("{} is a directory", path.display())),
        Ok(_) => fs::File::open(path).map(BufReader::new).map_err(|e| unreadable(path, &e)),
        Err(e) => Err(unreadable(path, &e)),
    }
}

/// A file's text.
pub fn read_text(path: &Path) -> Result<String, String> {
    let bytes = match fs::metadata(path) {
        Ok(m) if m.is_dir() => return Err(format!("{} is a directory", path.display())),
        Ok(m) if is_device(&m) => return Err(format!("{} is a device, not a text", path.display())),
        _ => fs::read(path).map_err(|e| unreadable(path, &e))?,
    };
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("{} is not a text in UTF-8: line {line} has bytes that mean nothing there", path.display())
    })?;
    // Some editors begin a text with a mark of byte order.
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

/// A terminal or a source of bytes without end; a pipe has an end.
fn is_device(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type());
    #[cfg(not(unix))]
    return !metadata.is_file();
}

/// Writes a file beside its place and moves it there: whoever looks finds the old one or the new one, never half.
pub fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>) -> Result<(), String> {
    if path.is_dir() {
        return Err(format!("{} is a directory", path.display()));
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|e| unwritable(parent, &e))?;
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = BufWriter::new(fs::File::create(&beside)?);
        write(&mut file)?;
        file.flush()?;
        fs::rename(&beside, path)
    })();
    written.map_err(|e| {
        let _ = fs::remove_file(&beside);
        unwritable(path, &e)
    })
}

fn spoilt(path: &Path, why: &str) -> String {
    format!("{}: {why}", path.display())
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => format!("there is no file {path}"),
        ErrorKind::PermissionDenied => format!("{path} may not be read: its permissions forbid it"),
        _ => format!("{path} cannot be read: {}", reason(error)),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("{path} cannot be written: the disk is full"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!("{path} may not be written: permissions forbid it"),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => format!("{path} cannot be made a directory: it is a file"),
        _ => format!("{path} cannot be written: {}", reason(error)),
    }
}

/// The system's words without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moyal_runtime::array::{Array, Data};
    use std::path::PathBuf;
    use std::sync::Arc;

    /// A directory of this test's own, gone when it ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("moyal-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn real(shape: &[usize], numbers: &[f64]) -> Arc<Array> {
        Arc::new(Array::new(shape.to_vec(), Data::Real(numbers.to_vec())))
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = Folder::new("store");
        let values = real(&[2, 3], &[1.0, -0.5, 1e300, f64::INFINITY, 0.1, 3e-7]);
        let stored = Stored { real: values, imaginary: None };
        for name in ["x.npy", "deep/er/x.npy", "x.txt", "x.csv"] {
            let path = folder.0.join(name);
            save(&path, &stored).unwrap();
            assert_eq!(load(&path).unwrap(), stored, "{name}");
            assert_eq!(header(&path).unwrap(), Header { scalar: stored.real.scalar(), complex: false, shape: vec![2, 3] });
        }
        let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn mistakes_are_sentences() {
        let folder = Folder::new("mistakes");
        let at = |name: &str| folder.0.join(name);
        let stored = Stored { real: real(&[1], &[1.0]), imaginary: None };
        let says = |result: Result<(), String>, part: &str| {
            let message = result.unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        says(save(&at("x.mat"), &stored), "files `.mat` are not known here: arrays are stored as .npy");
        says(save(&at("x"), &stored), "does not say what kind of file");
        says(load(&at("none.npy")).map(|_| ()), "there is no file");
        fs::create_dir_all(at("d.npy")).unwrap();
        says(load(&at("d.npy")).map(|_| ()), "is a directory");
        says(save(&at("d.npy"), &stored), "is a directory");
        fs::write(at("f"), "").unwrap();
        says(save(&at("f/x.npy"), &stored), "it is a file");
        fs::write(at("latin.moy"), b"print(1)\n# caf\xe9\n").unwrap();
        says(read_text(&at("latin.moy")).map(|_| ()), "not a text in UTF-8: line 2");
        fs::write(at("old.npy"), "hello").unwrap();
        says(load(&at("old.npy")).map(|_| ()), "not an .npy file");
        says(replace(&at("g"), |_| Err(ErrorKind::StorageFull.into())), "the disk is full");
        assert!(!at("g").exists());
    }

    #[test]
    fn a_mark_of_byte_order_is_not_text() {
        let folder = Folder::new("bom");
        fs::write(folder.0.join("a.moy"), "\u{feff}print(1)").unwrap();
        assert_eq!(read_text(&folder.0.join("a.moy")).unwrap(), "print(1)");
    }
}

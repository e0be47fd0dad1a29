//! NumPy's `.npy`: one array, with a header that says its kind and shape. A complex array is a pair of real ones with us
//! and alternates real and imaginary parts there.

use moyal_lang::host::{Header, Stored};
use moyal_runtime::array::{Array, Data, Scalar};
use ndarray_npy::npy::header as format;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// How the numbers lie in the file.
#[derive(Debug)]
pub struct Layout {
    pub header: Header,
    kind: Kind,
    /// Bytes of one real number.
    width: usize,
    big_endian: bool,
    /// The first index runs fastest.
    fortran: bool,
    /// Bytes before the numbers.
    start: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Float,
    Complex,
    Signed,
    Unsigned,
    Bool,
}

impl Layout {
    pub fn read(file: &mut impl Read) -> Result<Layout, String> {
        let mut counted = Counted { inner: file, bytes: 0 };
        let header = format::Header::from_reader(&mut counted).map_err(refused_header)?;
        let descriptor = header.type_descriptor.to_string();
        let unsupported = || format!("its numbers are of the kind {descriptor}; real, f32, int, bool and complex can be read");
        let code = descriptor.trim_matches(['\'', '"']);
        let (order, code) = code.split_at_checked(1).ok_or_else(unsupported)?;
        let (kind, width) = match code {
            "f8" | "f4" => (Kind::Float, &code[1..]),
            "c16" => (Kind::Complex, "8"),
            "c8" => (Kind::Complex, "4"),
            "i8" | "i4" | "i2" | "i1" => (Kind::Signed, &code[1..]),
            "u8" | "u4" | "u2" | "u1" => (Kind::Unsigned, &code[1..]),
            "b1" => (Kind::Bool, "1"),
            _ => return Err(unsupported()),
        };
        let width: usize = width.parse().map_err(|_| unsupported())?;
        let scalar = match (kind, width) {
            (Kind::Float | Kind::Complex, 8) => Scalar::Real,
            (Kind::Float | Kind::Complex, _) => Scalar::F32,
            (Kind::Bool, _) => Scalar::Bool,
            _ => Scalar::Int,
        };
        Ok(Layout {
            fortran: header.layout.is_fortran() && header.shape.len() > 1,
            header: Header { scalar, complex: kind == Kind::Complex, shape: header.shape },
            kind,
            width,
            big_endian: order == ">" || (order == "=" && cfg!(target_endian = "big")),
            start: counted.bytes,
        })
    }

    /// How many real numbers the file holds.
    fn count(&self) -> Option<usize> {
        let parts = if self.header.complex { 2 } else { 1 };
        self.header.shape.iter().try_fold(parts, |n: usize, extent| n.checked_mul(*extent))
    }
}

/// Reads an array from a file of that length.
pub fn read(file: &mut impl Read, length: u64) -> Result<Stored, String> {
    let layout = Layout::read(file)?;
    let there = length.saturating_sub(layout.start);
    let wanted = layout.count().and_then(|n| n.checked_mul(layout.width)).filter(|n| *n as u64 <= there);
    let Some(wanted) = wanted else {
        return Err(format!("it is cut off: there are {there} bytes of numbers, fewer than its header says"));
    };
    if (wanted as u64) < there {
        return Err(format!("it holds more than the one array of its header: {} bytes follow", there - wanted as u64));
    }
    let mut bytes = vec![0; wanted];
    file.read_exact(&mut bytes).map_err(|e| format!("it cannot be read to its end: {e}"))?;
    if layout.big_endian {
        bytes.chunks_exact_mut(layout.width).for_each(<[u8]>::reverse);
    }
    stored(&layout, &bytes)
}

fn stored(layout: &Layout, bytes: &[u8]) -> Result<Stored, String> {
    if !layout.header.complex {
        return Ok(Stored { real: array(layout, numbers(layout, bytes)?), imaginary: None });
    }
    let part = |k: usize| -> Vec<u8> { bytes.chunks_exact(layout.width).skip(k).step_by(2).flatten().copied().collect() };
    let part = |k| Ok::<_, String>(array(layout, numbers(layout, &part(k))?));
    Ok(Stored { real: part(0)?, imaginary: Some(part(1)?) })
}

fn array(layout: &Layout, data: Data) -> Arc<Array> {
    let shape = layout.header.shape.clone();
    let data = if layout.fortran { row_major(&shape, data) } else { data };
    Arc::new(Array::new(shape, data))
}

/// Little-endian numbers.
fn numbers(layout: &Layout, bytes: &[u8]) -> Result<Data, String> {
    fn each<const N: usize, T>(bytes: &[u8], make: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.chunks_exact(N).map(|c| make(c.try_into().expect("a chunk has its length"))).collect()
    }
    Ok(match (layout.kind, layout.width) {
        (Kind::Float | Kind::Complex, 8) => Data::Real(each(bytes, f64::from_le_bytes)),
        (Kind::Float | Kind::Complex, _) => Data::F32(each(bytes, f32::from_le_bytes)),
        (Kind::Signed, 8) => Data::Int(each(bytes, i64::from_le_bytes)),
        (Kind::Signed, 4) => Data::Int(each(bytes, |b| i32::from_le_bytes(b).into())),
        (Kind::Signed, 2) => Data::Int(each(bytes, |b| i16::from_le_bytes(b).into())),
        (Kind::Signed, _) => Data::Int(each(bytes, |b| i8::from_le_bytes(b).into())),
        (Kind::Unsigned, 8) => {
            let wide = each(bytes, |b| i64::try_from(u64::from_le_bytes(b)));
            Data::Int(wide.into_iter().collect::<Result<_, _>>().map_err(|_| "it has integers above 2^63 - 1, the largest `int`")?)
        }
        (Kind::Unsigned, 4) => Data::Int(each(bytes, |b| u32::from_le_bytes(b).into())),
        (Kind::Unsigned, 2) => Data::Int(each(bytes, |b| u16::from_le_bytes(b).into())),
        (Kind::Unsigned, _) => Data::Int(each(bytes, |b| u8::from_le_bytes(b).into())),
        (Kind::Bool, _) => Data::Bool(bytes.iter().map(|b| *b != 0).collect()),
    })
}

fn row_major(shape: &[usize], data: Data) -> Data {
    fn turned<T: Copy>(shape: &[usize], numbers: Vec<T>) -> Vec<T> {
        let view = ndarray::ArrayView::from_shape(ndarray::ShapeBuilder::f(shape.to_vec()), &numbers);
        view.expect("as many numbers as the shape says").iter().copied().collect()
    }
    match data {
        Data::Real(v) => Data::Real(turned(shape, v)),
        Data::F32(v) => Data::F32(turned(shape, v)),
        Data::Int(v) => Data::Int(turned(shape, v)),
        Data::Bool(v) => Data::Bool(turned(shape, v)),
    }
}

pub fn write(file: &mut impl Write, value: &Stored) -> io::Result<()> {
    let descriptor = match (value.real.scalar(), &value.imaginary) {
        (Scalar::Real, None) => "'<f8'",
        (Scalar::F32, None) => "'<f4'",
        (Scalar::Int, _) => "'<i8'",
        (Scalar::Bool, _) => "'|b1'",
        (Scalar::Real, Some(_)) => "'<c16'",
        (Scalar::F32, Some(_)) => "'<c8'",
    };
    let header = format::Header {
        type_descriptor: descriptor.parse().expect("a Python string"),
        layout: format::Layout::Standard,
        shape: value.real.shape.clone(),
    };
    header.write(&mut *file).map_err(|e| match e {
        format::WriteHeaderError::Io(e) => e,
        other => io::Error::other(other),
    })?;
    match (&value.real.data, value.imaginary.as_ref().map(|a| &a.data)) {
        (Data::Real(re), Some(Data::Real(im))) => all(file, re.iter().zip(im).flat_map(|(x, y)| [x.to_le_bytes(), y.to_le_bytes()])),
        (Data::F32(re), Some(Data::F32(im))) => all(file, re.iter().zip(im).flat_map(|(x, y)| [x.to_le_bytes(), y.to_le_bytes()])),
        (Data::Real(v), _) => all(file, v.iter().map(|x| x.to_le_bytes())),
        (Data::F32(v), _) => all(file, v.iter().map(|x| x.to_le_bytes())),
        (Data::Int(v), _) => all(file, v.iter().map(|x| x.to_le_bytes())),
        (Data::Bool(v), _) => all(file, v.iter().map(|x| [u8::from(*x)])),
    }
}

fn all<const N: usize>(file: &mut impl Write, numbers: impl Iterator<Item = [u8; N]>) -> io::Result<()> {
    numbers.into_iter().try_for_each(|bytes| file.write_all(&bytes))
}

fn refused_header(error: format::ReadHeaderError) -> String {
    use format::{ParseHeaderError, ReadHeaderError};
    match error {
        ReadHeaderError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => "it is not an .npy file, or is cut off in its header".to_string(),
        ReadHeaderError::Io(e) => format!("it cannot be read: {e}"),
        ReadHeaderError::Parse(ParseHeaderError::MagicString) => "it is not an .npy file".to_string(),
        ReadHeaderError::Parse(ParseHeaderError::Version { major, minor }) => {
            format!("it is an .npy file of version {major}.{minor}, which is not known here")
        }
        ReadHeaderError::Parse(e) => format!("its header cannot be understood: {e}"),
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    inner: &'a mut R,
    bytes: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(bytes: &[u8]) -> Result<Stored, String> {
        read(&mut &bytes[..], bytes.len() as u64)
    }

    /// A file as NumPy writes it.
    fn file(descriptor: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': {descriptor}, 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    #[test]
    fn all_kinds_come_back() {
        let array = |data| Arc::new(Array::new(vec![2, 1], data));
        let all = [
            Stored { real: array(Data::Real(vec![1.5, -0.0])), imaginary: None },
            Stored { real: array(Data::F32(vec![1.5, f32::INFINITY])), imaginary: None },
            Stored { real: array(Data::Int(vec![i64::MIN, 3])), imaginary: None },
            Stored { real: array(Data::Bool(vec![true, false])), imaginary: None },
            Stored { real: array(Data::Real(vec![1.0, 2.0])), imaginary: Some(array(Data::Real(vec![3.0, 4.0]))) },
            Stored { real: array(Data::F32(vec![1.0, 2.0])), imaginary: Some(array(Data::F32(vec![3.0, 4.0]))) },
            Stored { real: Arc::new(Array::real(2.5)), imaginary: None },
            Stored { real: Arc::new(Array::zeros(Scalar::Real, vec![0, 3])), imaginary: None },
        ];
        for stored in all {
            let mut bytes = vec![];
            write(&mut bytes, &stored).unwrap();
            assert_eq!(back(&bytes), Ok(stored));
        }
    }

    #[test]
    fn other_orders_are_read() {
        let numbers: Vec<u8> = [1.0f64, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        let stored = back(&file("'>f8'", "True", "(2, 3)", &numbers)).unwrap();
        assert_eq!(stored.real.reals(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let stored = back(&file("'|u1'", "False", "(2,)", &[7, 255])).unwrap();
        assert_eq!(stored.real.ints(), [7, 255]);
    }

    #[test]
    fn mistakes_are_sentences() {
        let says = |bytes: &[u8], part: &str| {
            let message = back(bytes).unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        says(b"PK\x03\x04 something else", "not an .npy file");
        says(b"", "cut off");
        says(&file("'<f8'", "False", "(3,)", &[0; 16]), "there are 16 bytes of numbers, fewer");
        says(&file("'<f8'", "False", "(1,)", &[0; 16]), "8 bytes follow");
        says(&file("'<f2'", "False", "(1,)", &[0; 2]), "of the kind '<f2'");
        says(&file("'|O'", "False", "(1,)", &[0; 2]), "of the kind");
        says(&file("[('a', '<f8')]", "False", "(1,)", &[0; 8]), "of the kind [");
        says(&file("'<u8'", "False", "(1,)", &[255; 8]), "2^63");
        says(&file("'<f8'", "False", "(4294967296, 4294967296, 2)", &[0; 8]), "fewer");
    }
}

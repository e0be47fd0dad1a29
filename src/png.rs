//! A PNG of at most 256 colours, not compressed: the picture of a large field inside a figure.

use crate::colour::Colour;

/// `pixels` are numbers of colours in `palette`, row by row.
pub fn png(width: usize, palette: &[Colour], pixels: &[u8]) -> Vec<u8> {
    let height = pixels.len() / width;
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = vec![];
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    header.extend([8, 3, 0, 0, 0]);
    chunk(&mut file, b"IHDR", &header);
    let colours: Vec<u8> = palette.iter().flat_map(|c| [c.0, c.1, c.2]).collect();
    chunk(&mut file, b"PLTE", &colours);
    let rows: Vec<u8> = pixels.chunks(width).flat_map(|row| std::iter::once(&0).chain(row)).copied().collect();
    chunk(&mut file, b"IDAT", &stored(&rows));
    chunk(&mut file, b"IEND", &[]);
    file
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |w, b| w << 8 | *b as u32) << (8 * (3 - three.len()));
        for k in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * k) & 63) as usize] as char;
            text.push(if k > three.len() { '=' } else { letter });
        }
    }
    text
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend(data);
    let check = crc(&file[start..]);
    file.extend(check.to_be_bytes());
}

/// A zlib stream (RFC 1950) of stored blocks.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(65_535).collect();
    for (k, block) in blocks.iter().enumerate() {
        let size = block.len() as u16;
        stream.push(u8::from(k + 1 == blocks.len()));
        stream.extend(size.to_le_bytes());
        stream.extend((!size).to_le_bytes());
        stream.extend(*block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + *byte as u32) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

fn crc(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |mut c, byte| {
        c ^= *byte as u32;
        for _ in 0..8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ c >> 1 } else { c >> 1 };
        }
        c
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_and_letters() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(&stored(b"Wikipedia")[16..], 0x11e6_0398u32.to_be_bytes());
        assert_eq!((base64(b"Man"), base64(b"Ma"), base64(b"M")), ("TWFu".into(), "TWE=".into(), "TQ==".into()));
    }
}

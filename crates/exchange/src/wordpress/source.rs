//! The bytes of an export file as UTF-8 that an XML reader can take: whatever the encoding, without characters that XML
//! forbids, without a document type, and without a piece of markup or text that is larger than anything that is read.
//!
//! What was left out is marked where it stood, with control characters that cannot come from the file any more, so that
//! whoever reads the element can say so.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, WINDOWS_1252};

/// Stands where the rest of a text was left out because it is too long.
pub(super) const CUT: char = '\u{1}';
/// Stands where a character was that XML forbids.
pub(super) const FORBIDDEN: char = '\u{2}';
/// Stands where bytes were that the encoding does not know; what they mean in Windows-1252 follows.
pub(super) const MISREAD: char = '\u{3}';

/// Longest run of text, or section of characters, in bytes.
pub(super) const MAX_TEXT: usize = 4 * 1_048_576;
/// Longest tag, in bytes.
const MAX_TAG: usize = 65_536;
/// Bytes that are read at a time.
const PIECE: usize = 65_536;
/// Bytes in which an encoding may be declared.
const HEAD: usize = 1_024;

/// Where in the markup the filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// After `<`, until it is known what begins.
    Open,
    Tag,
    /// Within a value, in these quotes.
    Value(u8),
    Section,
    /// What is left out whole: a comment, a document type (with the brackets that are open).
    Comment,
    Type(u32),
}

/// Reads a file as clean UTF-8.
pub(super) struct Source<R> {
    file: R,
    decoding: Decoding,
    raw: Vec<u8>,
    filter: Filter,
    /// Clean bytes that were not taken yet, from `taken` on.
    clean: Vec<u8>,
    taken: usize,
    ended: bool,
}

enum Decoding {
    /// Not known yet.
    Unknown,
    /// UTF-8, with the bytes of a character that has not ended.
    Utf8(Vec<u8>),
    Other(Box<Decoder>),
}

impl<R: Read> Source<R> {
    pub(super) fn new(file: R) -> Self {
        Self {
            file,
            decoding: Decoding::Unknown,
            raw: vec![0; PIECE],
            filter: Filter::default(),
            clean: Vec::new(),
            taken: 0,
            ended: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.clean.clear();
        self.taken = 0;
        let count = read_some(&mut self.file, &mut self.raw)?;
        self.ended = count == 0;
        let raw = &self.raw[..count];
        let mut skip = 0;
        if matches!(self.decoding, Decoding::Unknown) {
            let (encoding, bom) = encoding(raw);
            skip = bom;
            self.decoding = if encoding == UTF_8 {
                Decoding::Utf8(Vec::new())
            } else {
                Decoding::Other(Box::new(encoding.new_decoder_without_bom_handling()))
            };
        }
        let mut text = String::new();
        match &mut self.decoding {
            Decoding::Utf8(begun) => {
                begun.extend_from_slice(&raw[skip..]);
                let rest = utf8(begun, self.ended, &mut text);
                begun.drain(..rest);
            }
            Decoding::Other(decoder) => decode(decoder, &raw[skip..], self.ended, &mut text),
            Decoding::Unknown => {}
        }
        self.filter.run(text.as_bytes(), &mut self.clean);
        if self.ended {
            self.filter.end(&mut self.clean);
        }
        Ok(())
    }
}

/// Fills as much of the buffer as there is, so that the head of a file comes in one piece.
fn read_some(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// The encoding that a file begins to be written in, and the length of its mark.
fn encoding(head: &[u8]) -> (&'static Encoding, usize) {
    if let Some((encoding, mark)) = Encoding::for_bom(head) {
        return (encoding, mark);
    }
    let head = &head[..head.len().min(HEAD)];
    let head: String = head.iter().map(|byte| char::from(*byte)).take_while(|c| *c != '>').collect();
    let declared = head.split_once("encoding").and_then(|(_, after)| {
        let after = after.trim_start().strip_prefix('=')?.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        after[1..].split_once(quote).map(|(label, _)| label.to_owned())
    });
    let declared = declared.filter(|_| head.trim_start().starts_with("<?xml"));
    let known = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    // One that was read byte by byte is not written in pairs of bytes.
    (known.filter(|encoding| encoding.is_ascii_compatible()).unwrap_or(UTF_8), 0)
}

/// Appends what can be read of `bytes`, and answers how many of them that was.
fn utf8(bytes: &[u8], ended: bool, text: &mut String) -> usize {
    let mut done = 0;
    loop {
        match std::str::from_utf8(&bytes[done..]) {
            Ok(good) => {
                text.push_str(good);
                return bytes.len();
            }
            Err(error) => {
                let good = &bytes[done..done + error.valid_up_to()];
                text.push_str(&String::from_utf8_lossy(good));
                done += error.valid_up_to();
                let bad = match error.error_len() {
                    Some(bad) => bad,
                    None if ended => bytes.len() - done,
                    None => return done,
                };
                text.push(MISREAD);
                text.push_str(&WINDOWS_1252.decode_without_bom_handling(&bytes[done..done + bad]).0);
                done += bad;
            }
        }
    }
}

fn decode(decoder: &mut Decoder, mut bytes: &[u8], ended: bool, text: &mut String) {
    loop {
        text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(PIECE));
        let (result, read, _) = decoder.decode_to_string(bytes, text, ended);
        bytes = &bytes[read..];
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.clean.len() {
            if self.ended {
                return Ok(0);
            }
            self.fill()?;
        }
        let count = buffer.len().min(self.clean.len() - self.taken);
        buffer[..count].copy_from_slice(&self.clean[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// A state machine over the markup, byte by byte.
struct Filter {
    at: At,
    /// Bytes of the token so far.
    length: usize,
    /// The last bytes, to see how things begin and end.
    last: [u8; 8],
    /// What was seen since `<`.
    opening: Vec<u8>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { at: At::Text, length: 0, last: [0; 8], opening: Vec::new() }
    }
}

impl Filter {
    fn run(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        for &byte in bytes {
            self.step(byte, clean);
        }
    }

    /// What had begun and was not known yet comes out as it is: the file is cut off.
    fn end(&mut self, clean: &mut Vec<u8>) {
        clean.append(&mut self.opening);
        // Something that was left out has not ended: whoever reads on must not take the file for whole.
        if matches!(self.at, At::Comment | At::Type(_)) {
            clean.push(b'<');
        }
    }

    fn begin(&mut self, at: At) {
        self.at = at;
        self.length = 0;
        self.last = [0; 8];
    }

    fn step(&mut self, byte: u8, clean: &mut Vec<u8>) {
        // The decoder's mark is no mistake of its own.
        let forbidden = byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') && byte != MISREAD as u8;
        let byte = if forbidden { FORBIDDEN as u8 } else { byte };
        self.last.rotate_left(1);
        self.last[7] = byte;
        match self.at {
            At::Text if byte == b'<' => {
                self.begin(At::Open);
                self.opening.push(byte);
            }
            At::Text => self.keep(byte, MAX_TEXT, clean),
            At::Open => self.open(byte, clean),
            At::Tag => {
                match byte {
                    b'"' | b'\'' => self.at = At::Value(byte),
                    b'>' => {
                        clean.push(byte);
                        return self.begin(At::Text);
                    }
                    _ => {}
                }
                if byte != FORBIDDEN as u8 && byte != MISREAD as u8 {
                    self.keep_unmarked(byte, clean);
                }
            }
            At::Value(quote) => {
                if byte == quote {
                    self.at = At::Tag;
                    clean.push(byte);
                } else if byte != FORBIDDEN as u8 && byte != MISREAD as u8 {
                    self.keep_unmarked(byte, clean);
                }
            }
            At::Section => {
                if self.last.ends_with(b"]]>") {
                    // Of its end, two bytes may have been left out.
                    if self.length > MAX_TEXT {
                        clean.extend_from_slice(b"]]");
                    }
                    clean.push(byte);
                    return self.begin(At::Text);
                }
                self.keep(byte, MAX_TEXT, clean);
            }
            At::Comment => {
                if self.last.ends_with(b"-->") {
                    self.begin(At::Text);
                }
            }
            At::Type(open) => match byte {
                b'[' => self.at = At::Type(open + 1),
                b']' => self.at = At::Type(open.saturating_sub(1)),
                b'>' if open == 0 => self.begin(At::Text),
                _ => {}
            },
        }
    }

    /// Finds out what begins with `<`.
    fn open(&mut self, byte: u8, clean: &mut Vec<u8>) {
        const LEFT_OUT: [(&[u8], At); 2] = [(b"<!--", At::Comment), (b"<!DOCTYPE", At::Type(0))];
        const SECTION: &[u8] = b"<![CDATA[";
        self.opening.push(byte);
        let seen = self.opening.as_slice();
        if let Some((_, at)) = LEFT_OUT.iter().find(|(begin, _)| *begin == seen) {
            self.opening.clear();
            return self.begin(*at);
        }
        if seen == SECTION {
            clean.append(&mut self.opening);
            return self.begin(At::Section);
        }
        if LEFT_OUT.iter().map(|(begin, _)| *begin).chain([SECTION]).any(|begin| begin.starts_with(seen)) {
            return;
        }
        clean.append(&mut self.opening);
        self.begin(if byte == b'>' { At::Text } else { At::Tag });
    }

    fn keep(&mut self, byte: u8, max: usize, clean: &mut Vec<u8>) {
        self.length += 1;
        if self.length <= max {
            clean.push(byte);
        } else if self.length == max + 1 {
            // In the middle of a character nothing may be said.
            while clean.last().is_some_and(|last| last & 0xC0 == 0x80) {
                clean.pop();
            }
            if clean.last().is_some_and(|last| *last >= 0xC0) {
                clean.pop();
            }
            clean.push(CUT as u8);
        }
    }

    fn keep_unmarked(&mut self, byte: u8, clean: &mut Vec<u8>) {
        self.length += 1;
        if self.length <= MAX_TAG {
            clean.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(bytes: &[u8]) -> String {
        let mut text = String::new();
        Source::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_in_order_comes_through_as_it_is() {
        let text = "<?xml version=\"1.0\"?>\n<a b='>' c=\"<\">d &amp; <![CDATA[<e> ]] ]]>é</a>\n";
        assert_eq!(cleaned(text.as_bytes()), text);
    }

    #[test]
    fn encodings_are_known_by_mark_and_by_declaration() {
        assert_eq!(cleaned(b"\xEF\xBB\xBF<a>\xC3\xA9</a>"), "<a>é</a>");
        assert_eq!(cleaned(b"\xFF\xFE<\0a\0>\0\xE9\0<\0/\0a\0>\0"), "<a>é</a>");
        let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE9</a>";
        assert_eq!(cleaned(latin), "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_read_as_windows_1252_and_marked() {
        assert_eq!(cleaned(b"<a>caf\xE9 \x93b\x94</a>"), "<a>caf\u{3}é \u{3}“b\u{3}”</a>");
        assert_eq!(cleaned(b"<a>\xC3"), "<a>\u{3}Ã");
    }

    #[test]
    fn characters_that_xml_forbids_are_marked() {
        assert_eq!(cleaned(b"<a>b\0c\x0Bd\x01e</a>"), "<a>b\u{2}c\u{2}d\u{2}e</a>");
        assert_eq!(cleaned(b"<a\x0B b='\x0C'>"), "<a b=''>");
    }

    #[test]
    fn comments_and_document_types_are_left_out() {
        let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 \"&lol;&lol;\">]>";
        assert_eq!(cleaned(format!("{laughs}<a><!-- <b> - -- -->c</a>").as_bytes()), "<a>c</a>");
        assert_eq!(cleaned(b"<a><!-- never"), "<a><");
    }

    #[test]
    fn what_is_too_long_is_cut_and_marked() {
        let long = "é".repeat(MAX_TEXT);
        let section = cleaned(format!("<a><![CDATA[{long}]]></a>").as_bytes());
        assert!(
            section.len() < MAX_TEXT + 100 && section.ends_with("é\u{1}]]></a>"),
            "{}",
            &section[section.len() - 20..]
        );
        let text = cleaned(format!("<a>{long}</a>").as_bytes());
        assert!(text.len() < MAX_TEXT + 100 && text.ends_with("é\u{1}</a>"));
        let tag = cleaned(format!("<a b='{long}'>c</a>").as_bytes());
        assert!(tag.len() < 2 * MAX_TAG && tag.ends_with("'>c</a>"));
    }
}

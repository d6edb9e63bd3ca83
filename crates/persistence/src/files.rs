//! The media store: files by the hash of what is in them, in a folder. Whatever else keeps files one day takes the place
//! of this module.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use domain::Result;
use domain::ids::MediaId;

/// Bytes that are looked at to find out what a file is.
const HEAD: usize = 8_192;
/// Bytes that are read at a time.
const PIECE: usize = 65_536;

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
    /// The media type, found by what is in the file.
    pub content_type: String,
    /// Width and height in pixels, of a picture.
    pub pixels: Option<(u32, u32)>,
}

impl Files {
    /// The store in this folder, which is made when the first file comes.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the file of a hash is, if it is one and the file is there.
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        let path = self.place(sha256)?;
        path.is_file().then_some(path)
    }

    fn place(&self, sha256: &str) -> Option<PathBuf> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| self.root.join(&sha256[..2]).join(sha256))
    }

    /// Stores what can be read, if it is no more than `max` bytes. When this returns, the file survives a crash.
    pub fn put(&self, mut from: impl Read, max: u64) -> Result<Option<Stored>> {
        let coming = self.root.join("coming");
        fs::create_dir_all(&coming)?;
        let draft = Draft(coming.join(MediaId::new().to_string()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&draft.0)?;
        let Some((sha256, size)) = copy(&mut from, &mut file, max)? else { return Ok(None) };
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(HEAD as u64).read_to_end(&mut head)?;
        let content_type = content_type(&head);
        let pixels = if content_type.starts_with("image/") { pixels(&draft.0) } else { None };
        let Some(place) = self.place(&sha256) else { return Ok(None) };
        if !place.is_file() {
            file.sync_all()?;
            let folder = place.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            fs::rename(&draft.0, &place)?;
            File::open(folder)?.sync_all()?;
        }
        Ok(Some(Stored { sha256, size, content_type: content_type.to_owned(), pixels }))
    }
}

/// A file that is being written; what is left of it goes.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed, it is no longer there.
        let _ = fs::remove_file(&self.0);
    }
}

fn copy(from: &mut impl Read, to: &mut File, max: u64) -> io::Result<Option<(String, u64)>> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; PIECE];
    let mut size = 0_u64;
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size += count as u64;
        if size > max {
            return Ok(None);
        }
        hash.update(&piece[..count]);
        to.write_all(&piece[..count])?;
    }
    Ok(Some((HEXLOWER.encode(hash.finish().as_ref()), size)))
}

fn pixels(path: &Path) -> Option<(u32, u32)> {
    let size = imagesize::size(path).ok()?;
    Some((size.width.try_into().ok()?, size.height.try_into().ok()?))
}

/// What a file is, by its beginning. What could be a page or a drawing with scripts is called that, whatever else it
/// might be taken for.
fn content_type(head: &[u8]) -> &'static str {
    let text: String = head.iter().take(1_024).map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    let text = text.trim_start_matches(['\u{ef}', '\u{bb}', '\u{bf}']).trim_start();
    if text.starts_with('<') {
        let is_svg = text.contains("<svg") || (text.contains("<!doctype svg"));
        return if is_svg { "image/svg+xml" } else { "text/html" };
    }
    infer::get(head).map_or("application/octet-stream", |kind| kind.mime_type())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one pixel.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

    #[test]
    fn files_are_found_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("media"));
        let stored = files.put(PNG, 100).unwrap().unwrap();
        assert_eq!((stored.content_type.as_str(), stored.size, stored.pixels), ("image/png", 33, Some((1, 1))));
        assert_eq!(fs::read(files.find(&stored.sha256).unwrap()).unwrap(), PNG);
        assert_eq!(files.put(PNG, 100).unwrap().unwrap(), stored);
        assert_eq!(files.put(PNG, 32).unwrap(), None);
        assert_eq!(fs::read_dir(folder.path().join("media/coming")).unwrap().count(), 0, "nothing is left over");
        for none in ["", "..", "../coming", &"g".repeat(64), &"a".repeat(64)] {
            assert_eq!(files.find(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_a_page_is_not_called_a_picture() {
        for (head, kind) in [
            (&b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"[..], "image/svg+xml"),
            (b"\xef\xbb\xbf  <?xml version=\"1.0\"?><!-- x --><SVG>", "image/svg+xml"),
            (b"<html>", "text/html"),
            (b"<x>", "text/html"),
            (b"%PDF-1.7", "application/pdf"),
            (b"plain", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(content_type(head), kind);
        }
    }
}

//! Files that articles show or offer: how they are named, where they were known before, and which a browser may show.

use crate::Timestamp;
use crate::ids::{ArticleId, MediaId};

/// Longest name of a file, in bytes.
const MAX_NAME: usize = 150;

/// A file, as everyone may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its identity.
    pub id: MediaId,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its last part in addresses.
    pub name: String,
    /// Its media type, found by what is in it.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Pixels, of a picture.
    pub width: Option<u32>,
    /// Pixels, of a picture.
    pub height: Option<u32>,
    /// Its title.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// What is said below it.
    pub caption: String,
    /// Whom it is by.
    pub credit: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// The article that it was uploaded for: it is listed as long as that is public. None: it is anyone's.
    pub article: Option<ArticleId>,
}

impl Media {
    /// Its path on this server.
    pub fn path(&self) -> String {
        path(&self.sha256, &self.name)
    }
}

/// The path of a file on this server.
pub fn path(sha256: &str, name: &str) -> String {
    format!("/media/{sha256}/{name}")
}

/// The hash and the name in the address of a file, on this server or on one that it moved from.
pub fn named_by(address: &str) -> Option<(&str, &str)> {
    let (_, rest) = address.rsplit_once("/media/")?;
    let (sha256, name) = rest.split_once('/')?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then_some((sha256, name))
}

/// Whether a browser may show a file of this type where it stands. What could run scripts, or be taken for a page, is
/// only offered for saving.
pub fn is_shown(content_type: &str) -> bool {
    let (kind, name) = content_type.split_once('/').unwrap_or_default();
    match kind {
        "image" => !name.contains("xml"),
        "audio" | "video" => true,
        _ => false,
    }
}

/// The name of a file in addresses, made of the one it had: letters, digits, `-`, `_` and `.`.
pub fn name(name: &str) -> String {
    let latin = deunicode::deunicode_with_tofu(name, "-");
    let mut made = String::new();
    for c in latin.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        if c != '-' || !made.ends_with('-') {
            made.push(c);
        }
    }
    let made = made.trim_matches(['-', '.']);
    let made = match made.len() {
        0 => "file",
        // The end tells the type.
        length if length > MAX_NAME => &made[length - MAX_NAME..],
        _ => made,
    };
    made.trim_matches(['-', '.']).to_owned()
}

/// The paths under which the file of an address may be known: its own, and those of pictures of which it is a size, as
/// WordPress (`name-300x200.jpg`, `name-scaled.jpg`) and Ghost (`/size/w600/`) name them.
pub fn known_as(address: &str) -> Vec<String> {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let path = match address.split_once("//") {
        Some((_, after)) => after.split_once('/').map_or("", |(_, path)| path),
        None => address.trim_start_matches('/'),
    };
    let path = format!("/{}", percent_encoding::percent_decode_str(path).decode_utf8_lossy());
    let mut paths = vec![path];
    if let Some(whole) = unsized_by_ghost(&paths[0]) {
        paths.push(whole);
    }
    // A size of a picture that was scaled itself, at most.
    for _ in 0..2 {
        let Some(larger) = paths.last().and_then(|path| unsized_by_wordpress(path)) else { break };
        paths.push(larger);
    }
    paths
}

fn unsized_by_wordpress(path: &str) -> Option<String> {
    let (stem, ending) = path.rsplit_once('.')?;
    let (stem, size) = stem.rsplit_once('-')?;
    let is_number = |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_size = size == "scaled" || size.split_once('x').is_some_and(|(w, h)| is_number(w) && is_number(h));
    (is_size && !stem.ends_with('/') && !ending.contains('/')).then(|| format!("{stem}.{ending}"))
}

fn unsized_by_ghost(path: &str) -> Option<String> {
    let (before, after) = path.split_once("/size/")?;
    let (size, mut after) = after.split_once('/')?;
    let is_size = size.starts_with(['w', 'h']) && size[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'h');
    if let Some((_, rest)) = after.strip_prefix("format/").and_then(|rest| rest.split_once('/')) {
        after = rest;
    }
    is_size.then(|| format!("{before}/{after}"))
}

/// The path from where a WordPress or Ghost keeps its files on, whatever the path of the site.
pub fn below_site(path: &str) -> &str {
    const FOLDERS: [&str; 4] = ["/wp-content/uploads/", "/content/images/", "/content/media/", "/content/files/"];
    FOLDERS.iter().find_map(|folder| path.find(folder)).map_or(path, |at| &path[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lead_to_their_picture() {
        for (address, paths) in [
            ("https://a.example/u/a%20b-300x200.jpg?w=1", &["/u/a b-300x200.jpg", "/u/a b.jpg"][..]),
            ("/u/a-scaled.png", &["/u/a-scaled.png", "/u/a.png"]),
            ("/u/a-scaled-30x20.png", &["/u/a-scaled-30x20.png", "/u/a-scaled.png", "/u/a.png"]),
            ("/u/a-b.png", &["/u/a-b.png"]),
            ("/u/-30x20.png", &["/u/-30x20.png"]),
            (
                "/content/images/size/w600/2020/a.jpg",
                &["/content/images/size/w600/2020/a.jpg", "/content/images/2020/a.jpg"],
            ),
            (
                "/content/images/size/w600h400/format/webp/a.jpg",
                &["/content/images/size/w600h400/format/webp/a.jpg", "/content/images/a.jpg"],
            ),
        ] {
            assert_eq!(known_as(address), paths, "{address}");
        }
        assert_eq!(below_site("/blog/wp-content/uploads/a.jpg"), "/wp-content/uploads/a.jpg");
        assert_eq!(below_site("/2010/a.jpg"), "/2010/a.jpg");
    }

    #[test]
    fn addresses_name_files() {
        let hash = "a0".repeat(32);
        let address = format!("https://cms.example/blog{}", path(&hash, "a.png"));
        assert_eq!(named_by(&address), Some((hash.as_str(), "a.png")));
        for other in ["https://cms.example/media/a.png", "/media/a0/a.png", "", &format!("/media/{hash}")] {
            assert_eq!(named_by(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_fit_for_addresses() {
        for (was, is) in [
            ("Über uns (1).JPG", "Uber-uns-1-.JPG"),
            ("../../etc/passwd", "etc-passwd"),
            ("", "file"),
            ("日本.png", "Ri-Ben-.png"),
        ] {
            assert_eq!(name(was), is, "{was}");
        }
        let long = name(&format!("{}.jpg", "a".repeat(500)));
        assert!(long.len() == 150 && long.strip_suffix(".jpg").is_some());
    }

    #[test]
    fn what_could_run_is_never_shown() {
        for shown in ["image/png", "image/avif", "audio/mpeg", "video/mp4"] {
            assert!(is_shown(shown), "{shown}");
        }
        for offered in
            ["image/svg+xml", "text/html", "application/pdf", "text/xml", "application/xhtml+xml", "", "image"]
        {
            assert!(!is_shown(offered), "{offered}");
        }
    }
}

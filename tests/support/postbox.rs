//! A folder that takes the mail of a test's application.

use std::path::PathBuf;

use mail::Transport;
use mail_parser::MessageParser;

use super::App;

/// A letter that has left.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The head as it was sent.
    pub head: String,
    /// Every address in the text, in order.
    pub links: Vec<String>,
}

impl Letter {
    /// Reads a letter as it travelled.
    pub fn read(bytes: &[u8]) -> Self {
        let message = MessageParser::default().parse(bytes).unwrap();
        let text = message.body_text(0).unwrap().into_owned();
        let links = text.split_whitespace().filter(|word| word.starts_with("http")).map(str::to_owned).collect();
        let whole = String::from_utf8_lossy(bytes);
        Self {
            to: message.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: message.subject().unwrap().to_owned(),
            html: message.body_html(0).unwrap().into_owned(),
            head: whole.split("\r\n\r\n").next().unwrap().to_owned(),
            text,
            links,
        }
    }
}

/// Where the letters of an application arrive.
pub struct Postbox {
    folder: tempfile::TempDir,
    transport: Transport,
}

impl Postbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let transport = Transport::open(None, folder.path()).unwrap();
        Self { folder, transport }
    }

    /// Sends what is due, and takes the letters out of the box.
    pub fn letters(&self, app: &App) -> Vec<Letter> {
        http::outbox::deliver_due(&app.data, &self.transport).unwrap();
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let letters = files.iter().map(|file| Letter::read(&std::fs::read(file).unwrap())).collect();
        for file in files {
            std::fs::remove_file(file).unwrap();
        }
        letters
    }

    /// The one letter that is due.
    #[track_caller]
    pub fn letter(&self, app: &App) -> Letter {
        let mut letters = self.letters(app);
        assert_eq!(letters.len(), 1, "one letter is expected: {letters:?}");
        letters.remove(0)
    }
}

//! Messages as files: whole ones, for their owner alone.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mail::{FailureKind, Transport};

use support::letter;

fn mode(path: impl AsRef<std::path::Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn each_message_is_one_file_in_order() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("var/mail");
    let transport = Transport::open(None, &folder).unwrap();
    assert_eq!(mode(&folder), 0o700);

    let mut connection = transport.connect().unwrap();
    let names: Vec<String> = (0..5)
        .map(|number| connection.send(&letter(&format!("{number}@example.com")).build().unwrap()).unwrap().0)
        .collect();
    let mut found: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, names, "the order of the names is the order of sending, and nothing else is left");
    for (number, name) in names.iter().enumerate() {
        assert!(name.ends_with(&format!("-{number}@example.com.eml")), "{name}");
        assert_eq!(mode(folder.join(name)), 0o600);
        let message = letter(&format!("{number}@example.com")).build().unwrap();
        assert_eq!(fs::read(folder.join(name)).unwrap(), message.bytes());
    }
}

#[test]
fn the_same_message_twice_is_two_files() {
    let home = tempfile::tempdir().unwrap();
    let transport = Transport::open(None, home.path()).unwrap();
    let message = letter("1@example.com").build().unwrap();
    transport.send(&message).unwrap();
    transport.send(&message).unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "a message sent twice must not look like one");
}

#[test]
fn whoever_watches_the_folder_sees_whole_messages_only() {
    let home = tempfile::tempdir().unwrap();
    let transport = Transport::open(None, home.path()).unwrap();
    let mut body = support::body();
    body.text = "A long line of text, many times over.\n".repeat(20_000);
    let mut letter = letter("1@example.com");
    letter.body = &body;
    let message = letter.build().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                transport.send(&message).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            for entry in fs::read_dir(home.path()).unwrap().flatten() {
                if entry.file_name().to_string_lossy().ends_with(".eml") {
                    assert_eq!(entry.metadata().unwrap().len(), message.bytes().len() as u64);
                }
            }
        }
    });
}

#[test]
fn a_folder_that_cannot_be_is_refused_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Transport::open(None, &file).unwrap_err();
    assert!(error.to_string().starts_with("The mail folder is not usable: "), "{error}");
}

#[test]
fn a_folder_that_went_away_is_a_temporary_failure() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("mail");
    let transport = Transport::open(None, &folder).unwrap();
    fs::remove_dir(&folder).unwrap();
    let failure = transport.send(&letter("1@example.com").build().unwrap()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Temporary);
}

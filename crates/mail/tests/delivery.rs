//! Conversations with a real SMTP server: what is accepted, refused, in doubt.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use mail::transport::Timeouts;
use mail::{Failure, FailureKind, Message, Transport};

use support::letter;
use support::smtp_sink::{Answer, SmtpSink, When};

const READER: When = When::Recipient("anna@example.org");

fn transport(sink: &SmtpSink) -> Transport {
    Transport::open(Some(&sink.url()), "unused".as_ref()).unwrap()
}

fn message(id: &str) -> Message {
    letter(id).build().unwrap()
}

fn refused(when: When, answer: Answer) -> Failure {
    let sink = SmtpSink::start();
    sink.answer(when, answer);
    let failure = transport(&sink).send(&message("1@example.com")).unwrap_err();
    assert!(sink.messages().is_empty() || answer == Answer::KeepAndCut);
    failure
}

fn judged(when: When, answer: Answer) -> (FailureKind, Option<String>) {
    let failure = refused(when, answer);
    (failure.kind, failure.code)
}

#[test]
fn a_message_arrives_as_it_was_built() {
    let sink = SmtpSink::start();
    let mut letter = letter("1@example.com");
    letter.envelope_from = Some("b+k7q3.x9@bounce.example.com");
    let message = letter.build().unwrap();
    let receipt = transport(&sink).send(&message).unwrap();
    assert_eq!(receipt.0, "250 2.0.0 Ok: queued as SINK1");

    let [received] = &sink.messages()[..] else { panic!("one message") };
    assert_eq!(
        (&*received.from, &received.to[..]),
        ("b+k7q3.x9@bounce.example.com", &["anna@example.org".to_owned()][..])
    );
    assert_eq!(String::from_utf8_lossy(&received.data), String::from_utf8_lossy(message.bytes()));
    assert_eq!(sink.commands().last().unwrap(), "QUIT");
}

#[test]
fn lines_that_are_dots_survive() {
    let sink = SmtpSink::start();
    let mut body = support::body();
    body.text = "before\n.\n..\n.com\nafter\n".into();
    let mut letter = letter("1@example.com");
    letter.body = &body;
    transport(&sink).send(&letter.build().unwrap()).unwrap();
    let received = &sink.messages()[0].data;
    let parsed = mail_parser::MessageParser::default().parse(received).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), body.text);
}

#[test]
fn many_messages_share_one_connection() {
    let sink = SmtpSink::start();
    let mut connection = transport(&sink).connect().unwrap();
    for number in 0..100 {
        assert!(!connection.is_spent(), "after {number}");
        connection.send(&message(&format!("{number}@example.com"))).unwrap();
    }
    assert!(connection.is_spent(), "a hundred is enough for one connection");
    assert_eq!((sink.messages().len(), sink.connections()), (100, 1));
    connection.close();
}

#[test]
fn a_refusal_is_temporary_or_permanent_as_the_server_says() {
    use Answer::Reply;
    use FailureKind::{Permanent, Sender, Temporary};
    for (when, reply, kind, code) in [
        (READER, "450 4.2.1 Mailbox busy", Temporary, "4.2.1"),
        (READER, "451 try later", Temporary, "451"),
        (READER, "550 5.1.1 No such user", Permanent, "5.1.1"),
        (READER, "550-5.7.1 Not here\r\n550 5.7.1 nor there", Permanent, "5.7.1"),
        (READER, "530 5.7.0 Sign in first", Sender, "5.7.0"),
        (When::Command("MAIL"), "553 5.1.8 Sender unknown", Sender, "5.1.8"),
        (When::Command("MAIL"), "452 4.3.1 Disk full", Temporary, "4.3.1"),
        (When::Command("DATA"), "451 4.3.0 Not now", Temporary, "4.3.0"),
        (When::End, "452 4.3.1 Disk full", Temporary, "4.3.1"),
        (When::End, "421 4.7.0 Slow down", Temporary, "4.7.0"),
        (When::End, "554 5.6.0 Not this", Permanent, "5.6.0"),
        (When::End, "550 5.7.515 Access denied", Sender, "5.7.515"),
        (When::Greeting, "554 5.7.1 Blocked", Sender, "5.7.1"),
        (When::Greeting, "421 4.3.2 Closing", Temporary, "4.3.2"),
    ] {
        assert_eq!(judged(when, Reply(reply)), (kind, Some(code.to_owned())), "{when:?} {reply}");
    }
}

#[test]
fn only_a_line_lost_after_data_leaves_doubt() {
    use FailureKind::{Temporary, Unknown};
    for (when, kind) in [
        (When::Greeting, Temporary),
        (When::Command("EHLO"), Temporary),
        (When::Command("MAIL"), Temporary),
        (READER, Temporary),
        (When::Command("DATA"), Temporary),
        (When::Content, Unknown),
        (When::End, Unknown),
    ] {
        assert_eq!(judged(when, Answer::Cut), (kind, None), "{when:?}");
    }
    assert_eq!(judged(When::End, Answer::KeepAndCut), (Unknown, None));
    assert_eq!(judged(When::End, Answer::Reply("what?")), (Unknown, None));
    assert_eq!(judged(When::Command("DATA"), Answer::Reply("250 Ok")), (Temporary, None));
}

#[test]
fn a_silent_server_is_waited_for_only_so_long() {
    let sink = SmtpSink::start();
    let short = Duration::from_millis(200);
    let transport = transport(&sink).with_timeouts(Timeouts { command: short, content: short, ..Timeouts::default() });
    sink.answer_once(When::End, Answer::Silence(Duration::from_secs(20)));
    assert_eq!(transport.send(&message("1@example.com")).unwrap_err().kind, FailureKind::Unknown);
    sink.answer_once(READER, Answer::Silence(Duration::from_secs(20)));
    assert_eq!(transport.send(&message("1@example.com")).unwrap_err().kind, FailureKind::Temporary);
}

#[test]
fn a_server_that_is_not_there_is_temporary() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let transport = Transport::open(Some(&format!("smtp://{closed}")), "unused".as_ref()).unwrap();
    let failure = transport.connect().err().unwrap();
    assert_eq!((failure.kind, failure.code), (FailureKind::Temporary, None));
}

#[test]
fn a_refused_message_does_not_disturb_the_next() {
    let sink = SmtpSink::start();
    let mut connection = transport(&sink).connect().unwrap();
    sink.answer_once(READER, Answer::Reply("550 5.1.1 No such user"));
    connection.send(&message("1@example.com")).unwrap_err();
    sink.answer_once(When::End, Answer::Reply("452 4.3.1 Disk full"));
    connection.send(&message("2@example.com")).unwrap_err();
    assert!(!connection.is_spent());
    connection.send(&message("3@example.com")).unwrap();
    assert_eq!((sink.messages().len(), sink.connections()), (1, 1));
}

#[test]
fn an_offer_can_be_taken_back_or_forgotten() {
    let sink = SmtpSink::start();
    let mut connection = transport(&sink).connect().unwrap();
    connection.offer(&message("1@example.com")).unwrap().withdraw().unwrap();
    drop(connection.offer(&message("2@example.com")).unwrap());
    connection.offer(&message("3@example.com")).unwrap().deliver().unwrap();
    assert_eq!(sink.messages().len(), 1);
    assert_eq!(sink.commands().iter().filter(|command| *command == "RSET").count(), 2);
    assert_eq!(sink.commands().iter().filter(|command| *command == "DATA").count(), 1);
}

#[test]
fn a_broken_connection_says_so_and_sends_nothing() {
    let sink = SmtpSink::start();
    let mut connection = transport(&sink).connect().unwrap();
    sink.answer_once(When::End, Answer::Cut);
    connection.send(&message("1@example.com")).unwrap_err();
    assert!(connection.is_spent());
    assert_eq!(connection.send(&message("2@example.com")).unwrap_err().kind, FailureKind::Temporary);
    assert_eq!(sink.connections(), 1);
}

#[test]
fn no_failure_repeats_an_address() {
    let failure = refused(READER, Answer::Reply("550 5.1.1 <anna@example.org>: user anna unknown at example.org"));
    assert_eq!(failure.detail, "5.1.1 [address] user [address] unknown at example.org");
    let message = message("1@example.com");
    assert!(
        !format!("{message:?} {failure:?} {failure}").contains('@') || format!("{message:?}").contains("1@example.com")
    );
    assert!(!format!("{message:?} {failure:?} {failure}").contains("anna"));
}

#[test]
fn a_server_without_smtputf8_cannot_reach_such_an_address() {
    let sink = SmtpSink::start();
    let mut letter = letter("1@example.com");
    letter.to = "änne@example.org";
    let failure = transport(&sink).send(&letter.build().unwrap()).unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Permanent, Some("5.6.7")));
    letter.to = "anne@bücher.example";
    transport(&sink).send(&letter.build().unwrap()).unwrap();
    assert_eq!(sink.messages()[0].to, ["anne@xn--bcher-kva.example"]);
}

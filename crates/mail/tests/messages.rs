//! What a message looks like to someone who reads it with another library.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use domain::{Error, Place, Timestamp};
use mail::{Letter, List, Message, Rendered};
use mail_parser::{HeaderValue, MessageParser, MimeHeaders};

use support::{body, letter};

fn list() -> List<'static> {
    List {
        id: "weekly.example.com",
        name: "Example weekly updates",
        unsubscribe_url: "https://example.com/u/v1.k1.abc_DEF-123",
        unsubscribe_mail: None,
        archive_url: Some("https://example.com/newsletter/2026-w47"),
        feedback_id: "2026W47:weekly:site:example",
        delivery_id: "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f",
        bulk: true,
    }
}

fn issue(body: &Rendered) -> Letter<'_> {
    Letter {
        reply_to: Some("editor@example.com"),
        envelope_from: Some("b+k7q3.x9@bounce.example.com"),
        body,
        list: Some(list()),
        ..letter("mfzwizjaonxw2zjanbqxg2bamfza.2026-W47@example.com")
    }
}

/// The header block, unfolded.
fn head(message: &Message) -> String {
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n", "\n")
}

fn faults(letter: &Letter) -> Vec<(String, &'static str)> {
    let Err(Error::Invalid(faults)) = letter.build() else { panic!("refused with its faults") };
    let place = |place| match place {
        Place::Pointer(pointer) => pointer,
        Place::Parameter(name) => name,
    };
    faults.into_iter().map(|fault| (place(fault.place), fault.code)).collect()
}

/// What every message keeps, whatever is in it.
fn assert_well_formed(message: &Message) {
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    assert!(text.is_ascii());
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "every line ends with CR LF");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.split("\r\n").all(|line| line.len() <= 998 && !line.trim().is_empty()));
    assert!(body.split("\r\n").all(|line| line.len() <= 76), "{:?}", body.split("\r\n").find(|line| line.len() > 76));
}

#[test]
fn an_issue_has_the_headers_of_a_list() {
    let body = Rendered { subject: "Weekly update: Hello".into(), ..body() };
    let message = issue(&body).build().unwrap();
    assert_well_formed(&message);
    insta::assert_snapshot!(head(&message), @r#"
    Subject: Weekly update: Hello
    Date: Mon, 23 Nov 2026 08:00:00 +0000
    Message-ID: <mfzwizjaonxw2zjanbqxg2bamfza.2026-W47@example.com>
    List-Id: Example weekly updates <weekly.example.com>
    List-Unsubscribe: <https://example.com/u/v1.k1.abc_DEF-123>
    List-Unsubscribe-Post: List-Unsubscribe=One-Click
    List-Archive: <https://example.com/newsletter/2026-w47>
    Feedback-ID: 2026W47:weekly:site:example
    X-Delivery-Id: 01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f
    Precedence: bulk
    From: "Example Blog" <news@example.com>
    To: anna@example.org
    Reply-To: editor@example.com
    Content-Language: en
    MIME-Version: 1.0
    Content-Type: multipart/alternative; boundary="=_byline_alternative"
    "#);
}

#[test]
fn system_mail_is_marked_as_such_and_belongs_to_no_list() {
    let message = letter("1@example.com").build().unwrap();
    assert_well_formed(&message);
    let head = head(&message);
    assert!(head.contains("\nAuto-Submitted: auto-generated\n"));
    assert!(!head.contains("List-") && !head.contains("Precedence"));
}

#[test]
fn text_comes_first_then_html_and_both_survive_the_encoding() {
    for (text, html) in [
        ("Plain = simple.\n".to_owned(), "<p style=\"margin:0\">Plain = simple.</p>\n".to_owned()),
        ("Grüße, 世界, 👋\n".repeat(50), format!("<p>{}</p>\n", "Grüße, 世界, 👋 ".repeat(500))),
        ("日本語の週刊ニュース".repeat(300) + "\n", format!("<p>{}</p>\n", "x".repeat(5_000))),
        ("trailing space \n\n.\n--=_byline_alternative\n".to_owned(), "<p>--=_byline_alternative--</p>\n".to_owned()),
    ] {
        let body = Rendered { text: text.clone(), html: html.clone(), ..body() };
        let message = issue(&body).build().unwrap();
        assert_well_formed(&message);
        let parsed = MessageParser::default().parse(message.bytes()).unwrap();
        assert_eq!(parsed.parts.len(), 3);
        assert_eq!(parsed.parts[1].content_type().unwrap().subtype(), Some("plain"));
        assert_eq!(parsed.parts[2].content_type().unwrap().subtype(), Some("html"));
        assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), text);
        assert_eq!(parsed.body_html(0).unwrap().replace("\r\n", "\n"), html);
    }
}

#[test]
fn a_retry_has_the_same_bytes() {
    let body = body();
    assert_eq!(issue(&body).build().unwrap().bytes(), issue(&body).build().unwrap().bytes());
}

#[test]
fn names_and_subjects_of_any_script_arrive_whole() {
    for name in [
        "Журнал «Время»",
        "Müller, Söhne & \"Co\" <info@evil.example>",
        "O'Reilly (Daily); List: [x] \\ end",
        "=?utf-8?q?=0D=0ABcc:_x?=",
        "📰 News 📰",
        "a@b.example, c",
        "ab",
    ] {
        let body = Rendered { subject: format!("{name} today"), ..body() };
        let mut letter = issue(&body);
        letter.from_name = name;
        letter.list = Some(List { name, ..list() });
        let message = letter.build().unwrap();
        assert_well_formed(&message);
        let parsed = MessageParser::default().parse(message.bytes()).unwrap();
        let expected = name.replace("=?", "= ?");
        let from = parsed.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some(&*expected), Some("news@example.com")));
        assert_eq!(parsed.subject().unwrap(), format!("{expected} today"));
        assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("anna@example.org"));
        assert!(parsed.bcc().is_none());
        assert!(head(&message).contains("<weekly.example.com>\n"), "{}", head(&message));
    }
}

#[test]
fn list_unsubscribe_may_name_a_mailbox_too() {
    let body = body();
    let mut letter = issue(&body);
    letter.list = Some(List { unsubscribe_mail: Some("unsub+k7q3@bounce.example.com"), ..list() });
    let message = letter.build().unwrap();
    let expected =
        "List-Unsubscribe: <https://example.com/u/v1.k1.abc_DEF-123>, <mailto:unsub+k7q3@bounce.example.com>\n";
    assert!(head(&message).contains(expected));
    let parsed = MessageParser::default().parse(message.bytes()).unwrap();
    assert!(!matches!(parsed.header("List-Unsubscribe"), None | Some(HeaderValue::Empty)));
}

#[test]
fn nothing_that_breaks_a_line_reaches_a_header() {
    let good = body();
    for evil in [
        "x\r\nBcc: eve@example.net",
        "x\nBcc: y",
        "x\rBcc: y",
        "a\u{0}b",
        "a\u{7f}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "\u{1}",
        "a\tb",
    ] {
        let subject = Rendered { subject: evil.into(), ..body() };
        assert_eq!(faults(&issue(&subject)), [("/subject".into(), "control_character")], "{evil:?}");

        let language = Rendered { language: evil.into(), ..body() };
        let letter = Letter {
            id: evil,
            from_name: evil,
            from: evil,
            reply_to: Some(evil),
            to: evil,
            envelope_from: Some(evil),
            list: Some(List {
                id: evil,
                name: evil,
                unsubscribe_url: evil,
                unsubscribe_mail: Some(evil),
                archive_url: Some(evil),
                feedback_id: evil,
                delivery_id: evil,
                bulk: false,
            }),
            body: &language,
            ..issue(&good)
        };
        assert_eq!(faults(&letter).len(), 14, "{evil:?}: every field refuses");
        let url = &format!("https://example.com/{evil}");
        let letter = Letter { list: Some(List { unsubscribe_url: url, ..list() }), ..issue(&good) };
        assert_eq!(faults(&letter), [("/list/unsubscribe_url".into(), "invalid_url")], "{evil:?}");
    }
}

#[test]
fn what_is_too_long_or_unfinished_is_refused() {
    let long = Rendered { subject: "x".repeat(79), ..body() };
    assert_eq!(faults(&issue(&long)), [("/subject".into(), "too_long")]);
    let empty = Rendered { subject: "  ".into(), ..body() };
    assert_eq!(faults(&issue(&empty)), [("/subject".into(), "required")]);
    let unfilled =
        Rendered { text: mail::render::UNSUBSCRIBE_URL.into(), html: mail::render::MANAGE_URL.into(), ..body() };
    assert_eq!(faults(&issue(&unfilled)), [("/text".into(), "unfinished"), ("/html".into(), "unfinished")]);
    let good = body();
    let url = &format!("https://example.com/{}", "x".repeat(1_000));
    let letter = Letter { list: Some(List { archive_url: Some(url), ..list() }), ..issue(&good) };
    assert_eq!(faults(&letter), [("/list/archive_url".into(), "invalid_url")]);
    let letter = Letter { list: Some(List { archive_url: Some("javascript:alert(1)"), ..list() }), ..issue(&good) };
    assert_eq!(faults(&letter), [("/list/archive_url".into(), "invalid_url")]);
    for date in [Timestamp::NEVER, Timestamp::from_micros(-1)] {
        assert_eq!(faults(&Letter { date, ..issue(&good) }), [("/date".into(), "out_of_range")]);
    }
}

#[test]
fn no_fault_repeats_an_address() {
    let good = body();
    let letter = Letter { to: "anna@@example.org", ..issue(&good) };
    let Err(error) = letter.build() else { panic!("refused") };
    assert!(!format!("{error:?}").contains("anna"));
}

#[test]
fn a_reader_may_want_text_alone() {
    let body = Rendered { html: String::new(), ..body() };
    let message = issue(&body).build().unwrap();
    assert_well_formed(&message);
    let parsed = MessageParser::default().parse(message.bytes()).unwrap();
    assert!(parsed.content_type().unwrap().subtype() == Some("plain"));
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), body.text.trim_end());
}

#[test]
fn an_issue_without_a_page_names_none() {
    let body = body();
    let letter = Letter { list: Some(List { archive_url: None, ..list() }), ..issue(&body) };
    assert!(!head(&letter.build().unwrap()).contains("List-Archive"));
}

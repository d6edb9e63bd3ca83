//! What readers see.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use mail::Rendered;
use mail::render::{AlreadySubscribed, Confirmation, Frequency, Issue, Item, Link, MANAGE_URL, UNSUBSCRIBE_URL};

use support::letter;

const CONFIRM: &str = "https://example.com/newsletter/confirm/0hQ8mXk2v7uQwErTyUiOpAsDfGhJkLzXcVbNm123456";
const NOT_ME: &str = "https://example.com/newsletter/not-me/0hQ8mXk2v7uQwErTyUiOpAsDfGhJkLzXcVbNm123456";
const HOSTILE: [&str; 8] = [
    "\r\nBcc: eve@example.net",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ page.unsubscribe_url }} {% raw %}",
    "\u{1}unsubscribe_url\u{1}",
    "\u{2028}line\u{2029}paragraph\u{0}nul\u{7f}",
    "👩‍👩‍👧‍👦🏳️‍🌈 \u{202e}gnp.exe",
    "=?utf-8?q?=0D=0ABcc:_x?=",
];

fn items() -> Vec<Item<'static>> {
    vec![
        Item {
            title: "Handing over the family firm: what the first hundred days decide",
            excerpt: "Most successions fail not on tax but on the questions nobody asked before the papers were \
                      signed. Three owners tell how they did it, & what they would do differently.",
            category: Some("Business Succession"),
            author: Some("Anna Lee"),
            url: "https://example.com/business/handing-over?utm=a&b=c",
        },
        Item { title: "Short", excerpt: "", category: None, author: None, url: "https://example.com/short" },
    ]
}

fn issue<'a>(items: &'a [Item<'a>], more: &'a [Link<'a>]) -> Issue<'a> {
    Issue {
        site_name: "Example Blog",
        site_url: "https://example.com/",
        newsletter_name: "Example weekly updates",
        frequency: Frequency::Weekly,
        subject: None,
        period_label: "Week 47, 2026",
        intro: Some("A quiet week, and two articles that are worth it."),
        items,
        more,
        remaining: 12,
        unsubscribe_url: UNSUBSCRIBE_URL,
        manage_url: None,
        archive_url: Some("https://example.com/newsletter/2026-w47"),
        postal_address: "Example Publishing Ltd\n1 Example Street\n12345 Town",
        locale: "en",
    }
}

fn personal(rendered: &Rendered) -> Rendered {
    rendered
        .personal(&[(UNSUBSCRIBE_URL, "https://example.com/u/v1.k1.a?b&c"), (MANAGE_URL, "https://example.com/m/x")])
}

/// What every mail keeps, whatever is in it.
fn assert_fit(rendered: &Rendered) {
    assert!(rendered.subject.chars().count() <= 78, "{}", rendered.subject);
    assert!(!rendered.subject.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')));
    for line in rendered.text.lines() {
        assert!(line.chars().count() <= 76 || line.starts_with("https://"), "{line}");
    }
    assert!(rendered.html.len() <= 80 * 1024, "{} bytes", rendered.html.len());
    for evil in ["<script", "<img", "onerror=alert(1)>"] {
        assert!(!rendered.html.contains(evil), "{}", rendered.html);
    }
    let mut letter = letter("1@example.com");
    letter.body = rendered;
    let message = letter.build().unwrap();
    let parsed = mail_parser::MessageParser::default().parse(message.bytes()).unwrap();
    assert_eq!(parsed.subject().unwrap().replace("= ?", "=?"), rendered.subject);
    assert!(parsed.bcc().is_none());
}

#[test]
fn the_confirmation_names_the_publication_and_nothing_else() {
    let postal_address = Some("Example Publishing Ltd\n1 Example Street\n12345 Town");
    let mail = Confirmation { site_name: "Example Blog", confirm_url: CONFIRM, not_me_url: NOT_ME, postal_address };
    let rendered = mail.render().unwrap();
    assert_fit(&rendered);
    insta::assert_snapshot!(rendered.subject, @"Confirm your subscription to Example Blog");
    insta::assert_snapshot!(rendered.text, @r#"
    Someone, hopefully you, asked for updates from Example Blog to be sent to
    this address.

    Confirm:
    https://example.com/newsletter/confirm/0hQ8mXk2v7uQwErTyUiOpAsDfGhJkLzXcVbNm123456

    If you did not ask for this, ignore it: without your confirmation nothing
    will be sent. This keeps such mails away from you in future:

    This was not me:
    https://example.com/newsletter/not-me/0hQ8mXk2v7uQwErTyUiOpAsDfGhJkLzXcVbNm123456

    The link to confirm is valid for 72 hours.

    --------
    Example Publishing Ltd
    1 Example Street
    12345 Town
    "#);
    assert_eq!(rendered.text.matches("https://").count(), 2);
    assert_eq!(rendered.html.matches("href=").count(), 2);
    assert_eq!(rendered.html.matches("<a ").count(), 2);
}

#[test]
fn an_active_subscriber_is_told_so() {
    let manage_url = "https://example.com/newsletter/me/mg_0hQ8mXk2v7uQwErTyUiOp";
    let mail = AlreadySubscribed { site_name: "Example Blog", manage_url, postal_address: None };
    let rendered = mail.render().unwrap();
    assert_fit(&rendered);
    insta::assert_snapshot!(rendered.subject, @"You already receive the updates of Example Blog");
    insta::assert_snapshot!(rendered.text, @r#"
    You already receive our weekly updates from Example Blog. There is nothing
    left to do.

    Change what you receive, or how often:
    https://example.com/newsletter/me/mg_0hQ8mXk2v7uQwErTyUiOp

    If you did not sign up just now, someone else wrote your address into the
    form. Nothing has changed, and you can ignore this mail.
    "#);
    assert_eq!(rendered.html.matches("href=").count(), 1);
}

#[test]
fn an_issue_reads_well_as_text() {
    let items = items();
    let more = [
        Link { title: "Another one", url: "https://example.com/another" },
        Link { title: "And the last", url: "https://example.com/last" },
    ];
    let rendered = personal(&issue(&items, &more).render().unwrap());
    assert_fit(&rendered);
    insta::assert_snapshot!(rendered.subject, @"Weekly update: Handing over the family firm: what the first hundred days deci…");
    insta::assert_snapshot!(rendered.text, @r#"
    Example weekly updates · Week 47, 2026

    A quiet week, and two articles that are worth it.

    Handing over the family firm: what the first hundred days decide
      Business Succession · Anna Lee
      Most successions fail not on tax but on the questions nobody asked before
      the papers were signed. Three owners tell how they did it, & what they
      would do differently.
    https://example.com/business/handing-over?utm=a&b=c

    Short
    https://example.com/short

    More articles

    Another one
    https://example.com/another

    And the last
    https://example.com/last

    12 more on the site:
    https://example.com/

    --------
    You receive Example weekly updates because you asked Example Blog for it.

    Unsubscribe:
    https://example.com/u/v1.k1.a?b&c

    Read this on the web:
    https://example.com/newsletter/2026-w47

    Example Publishing Ltd
    1 Example Street
    12345 Town
    "#);
}

#[test]
fn an_issue_is_a_page_without_tables_or_scripts() {
    let items = items();
    let issue = Issue { intro: None, remaining: 0, manage_url: Some(MANAGE_URL), ..issue(&items, &[]) };
    let rendered = personal(&issue.render().unwrap());
    assert_fit(&rendered);
    insta::assert_snapshot!(rendered.html, @r#"
    <!DOCTYPE html>
    <html lang="en" dir="auto">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="supported-color-schemes" content="light dark">
    <title>Weekly update: Handing over the family firm: what the first hundred days deci…</title>
    <style>:root { color-scheme: light dark; supported-color-schemes: light dark; } a { color: inherit; }</style>
    </head>
    <body style="margin:0;padding:0;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5">
    <div style="max-width:600px;margin:0 auto;padding:24px 16px">
    <header style="margin-bottom:24px">
    <p style="margin:0;font-weight:bold"><a href="https://example.com/" style="text-decoration:none">Example Blog</a></p>
    <p style="margin:0">Example weekly updates · Week 47, 2026</p>
    </header>
    <main>
    <article style="margin:0 0 28px">
    <h2 style="margin:0 0 4px;font-size:20px;line-height:1.3"><a href="https://example.com/business/handing-over?utm=a&#38;b=c">Handing over the family firm: what the first hundred days decide</a></h2>
    <p style="margin:0 0 4px;font-size:14px">Business Succession · Anna Lee</p>
    <p style="margin:0">Most successions fail not on tax but on the questions nobody asked before the papers were signed. Three owners tell how they did it, &#38; what they would do differently.</p>
    </article>
    <article style="margin:0 0 28px">
    <h2 style="margin:0 0 4px;font-size:20px;line-height:1.3"><a href="https://example.com/short">Short</a></h2>
    </article>
    </main>
    <footer style="margin-top:32px;padding-top:16px;border-top:1px solid;font-size:14px">
    <p style="margin:0 0 12px">You receive Example weekly updates because you asked Example Blog for it.</p>
    <p style="margin:0 0 12px"><a href="https://example.com/u/v1.k1.a?b&amp;c">Unsubscribe</a> · <a href="https://example.com/m/x">Change what you receive, or how often</a> · <a href="https://example.com/newsletter/2026-w47">Read this on the web</a></p>
    <address style="font-style:normal">Example Publishing Ltd<br>1 Example Street<br>12345 Town</address>
    </footer>
    </div>
    </body>
    </html>
    "#);
}

#[test]
fn the_subject_follows_the_frequency_or_the_editor() {
    let items = items();
    let subject = |issue: Issue| issue.render().unwrap().subject;
    assert_eq!(subject(Issue { frequency: Frequency::Monthly, ..issue(&items[1..], &[]) }), "Monthly update: Short");
    assert_eq!(subject(Issue { subject: Some("By\r\nhand"), ..issue(&items, &[]) }), "By hand");
    assert_eq!(subject(Issue { subject: Some(" "), ..issue(&items[1..], &[]) }), "Weekly update: Short");
    assert_eq!(subject(issue(&[], &[])), "Weekly update: Example weekly updates");
}

#[test]
fn one_rendering_serves_many_readers() {
    let items = items();
    let shared = Issue { manage_url: Some(MANAGE_URL), ..issue(&items, &[]) }.render().unwrap();
    let mut letter = letter("1@example.com");
    letter.body = &shared;
    assert!(letter.build().is_err(), "a placeholder left over is refused");
    for reader in ["a", "b"] {
        let url = format!("https://example.com/u/{reader}?x=1&y=2");
        let copy = shared.personal(&[(UNSUBSCRIBE_URL, &url), (MANAGE_URL, "https://example.com/m")]);
        assert!(copy.text.contains(&format!("\n{url}\n")));
        assert!(copy.html.contains(&format!("href=\"https://example.com/u/{reader}?x=1&amp;y=2\"")));
        assert_fit(&copy);
    }
}

#[test]
fn no_title_can_spell_a_placeholder_or_leave_its_place() {
    let long = "x".repeat(10_000);
    let emoji = "👩‍👩‍👧‍👦".repeat(2_000);
    for evil in HOSTILE.into_iter().chain([&*long, &*emoji]) {
        let item = Item { title: evil, excerpt: evil, category: Some(evil), author: Some(evil), url: evil };
        let (items, more) = ([item; 10], [Link { title: evil, url: "https://example.com/more" }; 30]);
        let issue = Issue {
            site_name: evil,
            newsletter_name: evil,
            period_label: evil,
            intro: Some(evil),
            postal_address: evil,
            items: &items[..],
            ..issue(&items, &more)
        };
        let secret = "https://example.com/u/secret";
        let rendered = issue.render().unwrap().personal(&[(UNSUBSCRIBE_URL, secret)]);
        assert_eq!(rendered.text.matches(secret).count(), 1, "{evil}");
        assert_eq!(rendered.html.matches(secret).count(), 1, "{evil}");
        if evil.len() < 1_000 {
            // An address of 10,000 characters is not ours to break.
            assert_fit(&rendered);
        }
        for rendered in [
            Confirmation { site_name: evil, confirm_url: CONFIRM, not_me_url: NOT_ME, postal_address: None }.render(),
            AlreadySubscribed { site_name: evil, manage_url: CONFIRM, postal_address: Some(evil) }.render(),
        ] {
            assert_fit(&rendered.unwrap());
        }
    }
}

#[test]
fn the_largest_issue_stays_below_what_gmail_clips() {
    let (title, excerpt) = ("&".repeat(10_000), "<".repeat(10_000));
    let url = format!("https://example.com/{}", "a".repeat(200));
    let item = Item { title: &title, excerpt: &excerpt, category: Some(&title), author: Some(&title), url: &url };
    let (items, more) = ([item; 10], [Link { title: &title, url: &url }; 40]);
    let issue = issue(&items, &more);
    let rendered = personal(&issue.render().unwrap());
    assert_fit(&rendered);
    assert_eq!(rendered.html.matches("<li ").count(), 20);
    assert!(rendered.text.contains("\n32 more on the site:\n"), "12, and the 20 that found no place");
}

#[test]
fn what_acts_for_a_reader_is_not_shown_to_a_log() {
    let mail = Confirmation { site_name: "Example", confirm_url: CONFIRM, not_me_url: NOT_ME, postal_address: None };
    assert!(!format!("{:?}", mail.render().unwrap()).contains("0hQ8mX"));
}

//! People who move in: members as subscribers, authors as users, where that is asked for.

use domain::Timestamp;
use domain::secrets::Secrets;
use domain::subscriptions::{self, Reason};
use domain::text::Email;
use persistence::{Db, Options, suppressions};
use serde_json::{Value, json};

use crate::import::{POST, Site, ghost, said, wxr};
use crate::support::Engine;

const MEMBERS: &str = "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n\
    6b0367296700000000000a01,ann@example.org,Ann,,true,false,,2020-01-02T03:04:05.000Z,,,\n\
    6b0367296700000000000a02,bo@example.org,\"Bo, of the quay\",,true,false,,2020-01-03T03:04:05.000Z,,,\n\
    6b0367296700000000000a03,cy@example.org,Cy,,false,false,,2020-01-04T03:04:05.000Z,,,\n\
    6b0367296700000000000a04,no address,Dee,,true,false,,2020-01-05T03:04:05.000Z,,,\n\
    6b0367296700000000000a05,eve@example.org,Eve,,true,false,,2020-01-06T03:04:05.000Z,,,\n";

fn keys(site: &Site, engine: Engine) -> Secrets {
    let place = if engine == Engine::Sqlite { "secrets.json" } else { "var/secrets.json" };
    serde_json::from_str(&std::fs::read_to_string(site.folder.path().join(place)).unwrap()).unwrap()
}

fn members_move_in(engine: Engine) {
    let site = Site::new(engine);
    std::fs::write(site.folder.path().join("members.csv"), MEMBERS).unwrap();
    let import = |more: &[&str]| -> (i32, Value) {
        let mut words = vec!["--members", "members.csv"];
        words.extend(more);
        site.import("ghost", ghost().to_string(), &words)
    };
    assert_eq!(site.import("ghost", ghost().to_string(), &[]).0, 0);
    // Eve called our mail spam once: nothing brings her back.
    let secrets = keys(&site, engine);
    let eve = subscriptions::email_hmac(&secrets, &Email::parse("eve@example.org").unwrap());
    let db = Db::open(&Options { url: site.url.parse().unwrap(), create: false, connections: 1 }).unwrap();
    let now = Timestamp::now();
    db.write_blocking(|conn| suppressions::put(conn, &eve, Reason::Complaint, None, now)).unwrap();

    let (code, report) = import(&[]);
    let count = json!({"read": 5, "created": 2, "updated": 0, "unchanged": 0, "skipped": 3});
    assert_eq!((code, &report["counts"]["member"]), (2, &count), "{report}");
    for (code, row) in [
        ("not_subscribed", "member 4"),
        ("address_not_valid", "member 5"),
        ("suppressed", "member 6"),
        ("pending", "member "),
    ] {
        assert_eq!(said(&report, code), [row], "{code}");
    }
    assert!(!report.to_string().contains('@'), "the report names no address: {report}");
    let who = "SELECT email || ' ' || state || ' ' || CAST(confirmed_at IS NULL AS TEXT) || ' ' || CAST(created_at AS TEXT) AS value FROM subscribers ORDER BY email";
    let none = if engine == Engine::Sqlite { ("1", "0") } else { ("true", "false") };
    let (ann, bo) = ("1577934245000000", "1578020645000000");
    assert_eq!(
        site.query(who),
        [format!("ann@example.org pending {} {ann}", none.0), format!("bo@example.org pending {} {bo}", none.0)]
    );
    assert_eq!(site.query("SELECT id AS value FROM messages"), [""; 0], "nobody is written to");
    let (_, again) = import(&[]);
    assert_eq!(again["counts"]["member"]["unchanged"], 2);

    // Bo leaves before someone answers for the consents: he stays away.
    let hmac = subscriptions::email_hmac(&secrets, &Email::parse("bo@example.org").unwrap());
    db.write_blocking(|conn| suppressions::put(conn, &hmac, Reason::Unsubscribed, None, now)).unwrap();
    let words = "Sign-up at quay.example since 2019, double opt-in: \"Yes, send me the weekly letter.\"";
    let (_, attested) = import(&["--attest-consent", words]);
    let count = json!({"read": 5, "created": 0, "updated": 1, "unchanged": 0, "skipped": 4});
    assert_eq!(attested["counts"]["member"], count, "{attested}");
    assert_eq!(
        site.query(who),
        [format!("ann@example.org active {} {ann}", none.1), format!("bo@example.org pending {} {bo}", none.0)]
    );
    let proof = "SELECT t.text AS value FROM consent_events e JOIN consent_texts t ON t.sha256 = e.consent_text_sha256 WHERE e.kind = 'imported'";
    assert_eq!(site.query(proof), [words]);
    // A new import with another text takes nothing away.
    let (_, other) = import(&["--attest-consent", "Another text"]);
    assert_eq!((&other["counts"]["member"]["unchanged"], site.query(proof).len()), (&json!(1), 1));

    let empty = site.run(&["import", "ghost", "site.json", "--members", "members.csv", "--attest-consent", " "]);
    assert!(empty.code == 2 && empty.err.contains("Enter some text"), "{}", empty.err);
    std::fs::write(site.folder.path().join("members.csv"), "name\nAnn\n").unwrap();
    let wrong = site.run(&["import", "ghost", "site.json", "--members", "members.csv"]);
    assert!(wrong.code == 1 && wrong.err.contains("no column `email`"), "{}", wrong.err);
}

#[test]
fn members_move_in_on_sqlite() {
    members_move_in(Engine::Sqlite);
}

#[test]
fn members_move_in_on_postgres() {
    members_move_in(Engine::Postgres);
}

fn authors_become_users(engine: Engine) {
    let site = Site::new(engine);
    let users = "SELECT email || ' ' || role || ' ' || name AS value FROM users ORDER BY email";
    site.import("wordpress", wxr(&POST.xml()), &[]);
    assert_eq!(site.query(users), [""; 0], "nobody asked for accounts");
    let (code, report) = site.import("wordpress", wxr(&POST.xml()), &["--users"]);
    assert_eq!((code, said(&report, "no_password")), (0, vec!["user 3".to_owned()]), "{report}");
    assert_eq!(site.query(users), ["ann@example.org contributor Ann Berger"]);
    assert_eq!(site.run(&["user", "set-role", "ann@example.org", "editor"]).code, 0);
    let (_, again) = site.import("wordpress", wxr(&POST.xml()), &["--users"]);
    assert_eq!(again["counts"]["user"], json!({"read": 1, "created": 0, "updated": 0, "unchanged": 1, "skipped": 0}));
    assert_eq!(site.query(users), ["ann@example.org editor Ann Berger"], "who is here stays as they are");
    let nameless = wxr(&POST.xml()).replace("ann@example.org", "");
    let (code, report) = site.import("wordpress", nameless, &["--users"]);
    assert_eq!((code, said(&report, "no_address")), (2, vec!["user 3".to_owned()]));
}

#[test]
fn authors_become_users_on_sqlite() {
    authors_become_users(Engine::Sqlite);
}

#[test]
fn authors_become_users_on_postgres() {
    authors_become_users(Engine::Postgres);
}

//! The real binary: its help, its settings, its files, and how it starts and stops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Reply;
use crate::support::binary::{Said, Server, byline, refused, run, run_with_input, said};

/// The rest of an answer to a request that a test wrote by hand.
fn read(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {text:?}")).parse().unwrap();
    (status, text)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const PASSWORD: &str = "heron-lantern-quarry-52";

/// Adds an editor to the database, with a password from standard input.
fn add_editor(folder: &Path) -> Said {
    let words = ["user", "add", "--role", "editor", "editor@example.org", "--password-stdin"];
    run_with_input(&mut byline(folder, &words), PASSWORD)
}

/// The answer to a sign-in.
fn sign_in(server: &Server, email: &str, password: &str) -> Reply {
    server.anyone().post("/v1/auth/login", &json!({"email": email, "password": password}))
}

/// The access token of an answer to a sign-in.
fn token(answer: &Reply) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn help_names_every_setting_three_times_over() {
    let folder = folder();
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.code, 0);
    for flag in help.out.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 6) {
        let name = flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).trim_start_matches("--");
        if !["help", "version", "create"].contains(&name) {
            let variable = format!("BYLINE_{}", name.replace('-', "_").to_uppercase());
            assert!(help.out.contains(&variable), "the help of --{name} does not name {variable}");
        }
    }
    let short = run(folder.path(), &["-h"]);
    assert!(short.out.lines().count() < help.out.lines().count() / 2);
    assert!(short.out.contains("byline demo && byline serve"), "{}", short.out);
    for command in ["serve", "migrate", "user", "demo", "openapi", "doctor"] {
        assert!(short.out.contains(command), "{command} is not in the help");
        assert_eq!(run(folder.path(), &[command, "--help"]).code, 0);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "help leaves something behind");
}

#[test]
fn typos_are_answered_with_what_was_meant() {
    let folder = folder();
    let said = |words: &[&str]| refused(&mut byline(folder.path(), words));
    assert!(said(&["serv"]).contains("'serve'"));
    assert!(said(&["serve", "--listn", "x"]).contains("'--listen'"));
    assert!(said(&["serve", "--listen", "localhost"]).contains("127.0.0.1:8080"));
    assert!(said(&["serve", "--public-url", "cms.example.org"]).contains("https://cms.example.org"));
    assert!(said(&["serve", "--limits", "of"]).contains("off"));
    assert!(said(&["serve", "--ghost-content-keys", "x"]).contains("26 hexadecimal digits"));
    assert!(said(&["serve", "--listen", "0.0.0.0:0"]).contains("--public-url is missing"));
    let mut variable = byline(folder.path(), &["doctor"]);
    assert!(refused(variable.env_clear().env("BYLINE_LISTN", "x")).contains("did you mean BYLINE_LISTEN?"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a refusal leaves something behind");
}

#[test]
fn an_error_does_not_repeat_a_password() {
    let folder = folder();
    let mut command = byline(folder.path(), &["serve"]);
    let err = refused(command.env("BYLINE_DATABASE_URL", "postgres://ann:hunter2@db.example.org"));
    assert!(err.contains("names no database") && !err.contains("hunter2"), "{err}");
    let err = refused(&mut byline(folder.path(), &["serve", "--metrics-token", "hunter2"]));
    assert!(err.contains("16 or more") && !err.contains("hunter2"), "{err}");
    let mut command = byline(folder.path(), &["--help"]);
    let help = said(command.env("BYLINE_METRICS_TOKEN", "hunter2hunter2hunter2").output().unwrap());
    assert!(!help.out.contains("hunter2"));
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let folder = folder();
    // `doctor` says which public URL is in force.
    let url_of = |command: &mut Command| {
        let said = said(command.output().unwrap());
        said.out.lines().find(|line| line.contains("address")).unwrap_or_else(|| panic!("{}", said.err)).to_owned()
    };
    assert!(url_of(&mut byline(folder.path(), &["doctor"])).contains("http://127.0.0.1:8080/"));
    std::fs::write(folder.path().join("byline.toml"), "public_url = \"https://file.example\"\n").unwrap();
    let from_file = ["doctor", "--config", "byline.toml"];
    assert!(url_of(&mut byline(folder.path(), &from_file)).contains("https://file.example/"));
    let mut command = byline(folder.path(), &["doctor"]);
    assert!(url_of(command.env("BYLINE_CONFIG", "byline.toml")).contains("https://file.example/"));
    let mut command = byline(folder.path(), &from_file);
    assert!(url_of(command.env("BYLINE_PUBLIC_URL", "https://env.example")).contains("https://env.example/"));
    // Before the command or behind it: the same.
    for words in [
        ["--config", "byline.toml", "--public-url", "https://flag.example", "doctor"],
        ["doctor", "--config", "byline.toml", "--public-url", "https://flag.example"],
    ] {
        let mut command = byline(folder.path(), &words);
        assert!(url_of(command.env("BYLINE_PUBLIC_URL", "https://env.example")).contains("https://flag.example/"));
    }
    let mut command = byline(folder.path(), &from_file);
    assert!(url_of(command.env("BYLINE_PUBLIC_URL", "")).contains("https://file.example/"), "empty means absent");
}

#[test]
fn the_file_is_read_as_strictly_as_the_command_line() {
    let folder = folder();
    let said = |text: &str| {
        std::fs::write(folder.path().join("byline.toml"), text).unwrap();
        refused(&mut byline(folder.path(), &["serve", "--config", "byline.toml"]))
    };
    assert!(said("public_ulr = 'https://a.example'").contains("did you mean `public_url`?"));
    assert!(said("config = 'other.toml'").contains("there is no setting `config`"));
    assert!(said("help = 'x'").contains("there is no setting `help`"));
    assert!(said("listen = 8080").contains("byline.toml: `listen`: invalid value '8080'"));
    assert!(said("limits = true").contains("`limits`: it cannot be a boolean"));
    assert!(said("listen = ['a', 'b']").contains("one value"));
    assert!(said("database_url = 'postgres://ann:hunter2@host'").contains("names no database"));
    assert!(!said("database_url = 'postgres://ann:hunter2@host'").contains("hunter2"));
    assert!(said("cors_origins = ['https://a.example', 'https://b.example/']").contains("https://b.example;"));
    assert!(said("listen =").contains("not valid TOML"));
    let gone = refused(&mut byline(folder.path(), &["serve", "--config", "none.toml"]));
    assert!(gone.contains("cannot read the file none.toml"), "{gone}");
}

#[test]
fn a_named_database_must_exist_and_is_never_made_by_accident() {
    let folder = folder();
    let url = "sqlite://data/paper.db";
    for command in ["serve", "migrate", "doctor"] {
        let said = run(folder.path(), &[command, "--database-url", url]);
        assert_ne!(said.code, 0, "{command}");
        assert!((said.out + &said.err).contains("there is no database at data/paper.db"), "{command}");
    }
    assert!(refused(&mut byline(folder.path(), &["migrate"])).contains("there is no database at var/byline.db yet"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a refusal leaves something behind");

    let made = run(folder.path(), &["migrate", "--create", "--database-url", url]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.starts_with("applied "), "{}", made.out);
    assert!(folder.path().join("data/paper.db").is_file() && folder.path().join("data/secrets.json").is_file());
    let again = run(folder.path(), &["migrate", "--database-url", url]);
    assert!(again.out.contains("has every migration already"), "{}", again.out);

    for (url, why) in [
        ("paper.db", "unknown kind of database"),
        ("sqlite:paper.db", "unknown kind of database"),
        ("sqlite://data", "is a directory"),
        ("mysql://localhost/x", "unknown kind of database"),
    ] {
        let said = refused(&mut byline(folder.path(), &["serve", "--database-url", url]));
        assert!(said.contains(why), "{url}: {said}");
    }
    std::fs::write(folder.path().join("letter.txt"), "Dear Sir or Madam, this is not a database at all.").unwrap();
    let said = refused(&mut byline(folder.path(), &["serve", "--database-url", "sqlite://letter.txt"]));
    assert!(said.contains("not a database"), "{said}");
}

#[test]
fn keys_are_made_once_for_their_owner_alone() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let secrets = folder.path().join("var/secrets.json");
    assert_eq!(mode(&secrets), 0o600);
    let first = std::fs::read_to_string(&secrets).unwrap();
    assert_eq!(add_editor(folder.path()).code, 0);
    drop(server);
    drop(Server::start(folder.path(), &[]));
    assert_eq!(std::fs::read_to_string(&secrets).unwrap(), first);

    let change_mode = |mode| std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(mode)).unwrap();
    change_mode(0o644);
    let said = refused(&mut byline(folder.path(), &["serve"]));
    assert!(said.contains("chmod 600 var/secrets.json") && said.contains("644"), "{said}");
    change_mode(0o600);

    std::fs::write(&secrets, first.replace("\"identity\": \"", "\"identity\": \"!")).unwrap();
    let said = refused(&mut byline(folder.path(), &["serve"]));
    assert!(said.contains("damaged") && !said.contains(&first[60..90]), "{said}");

    // The database has a user: new keys would lock everyone out.
    std::fs::remove_file(&secrets).unwrap();
    let said = refused(&mut byline(folder.path(), &["serve"]));
    assert!(said.contains("no secrets file at var/secrets.json") && said.contains("backup"), "{said}");
    assert!(!secrets.exists());

    // The keys themselves do as well, as nodes get them that have variables alone.
    let with = |keys: &str| byline(folder.path(), &["doctor"]).env("BYLINE_SECRETS", keys).output().unwrap();
    let said = String::from_utf8(with(&first).stdout).unwrap();
    assert!(said.contains("from BYLINE_SECRETS, with 1 key(s)"), "{said}");
    drop(Server::start(folder.path(), &["--secrets", &first]));
    let said = String::from_utf8(with(&first[60..90]).stderr).unwrap();
    assert!(said.contains("BYLINE_SECRETS") || said.contains("--secrets"), "{said}");
    assert!(!said.contains(&first[60..90]), "{said}");
    assert!(!secrets.exists());
}

#[test]
fn a_new_sqlite_file_is_for_its_owner_alone() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(add_editor(folder.path()).code, 0);
    for name in ["byline.db", "byline.db-wal", "byline.db-shm"] {
        assert_eq!(mode(&folder.path().join("var").join(name)), 0o600, "{name}");
    }
    drop(server);
    // One that others may read stays as it is, and the doctor warns.
    let file = folder.path().join("var/byline.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    drop(Server::start(folder.path(), &[]));
    assert_eq!(mode(&file), 0o640);
    let said = run(folder.path(), &["doctor"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("odd   database  var/byline.db has mode 640"), "{}", said.out);
}

#[test]
fn a_new_server_answers_and_says_where() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    let address = server.address;
    assert!(server.greeting.contains(&format!("http://{address}/v1")), "{}", server.greeting);
    assert!(server.greeting.contains(&format!("http://{address}/docs")), "{}", server.greeting);
    assert!(server.greeting.contains("var/mail"), "{}", server.greeting);
    for path in ["/healthz", "/readyz", "/", "/docs", "/openapi.json", "/metrics"] {
        assert_eq!(server.anyone().get(path).status, 200, "{path}");
    }
    assert!(server.anyone().get("/metrics").text().contains("route=\"/healthz\",status=\"200\""));
    server.anyone().with("x-forwarded-for", "203.0.113.9").get("/metrics").expect(401);

    let taken = refused(&mut byline(folder.path(), &["serve", "--listen", &address.to_string()]));
    assert!(taken.contains("another server has it"), "{taken}");
    server.terminate();
    assert_eq!(server.ended(Duration::from_secs(10)), Some(0));
}

#[test]
fn the_metrics_token_is_asked_for_once_it_is_set() {
    let folder = folder();
    let mut command = byline(folder.path(), &[]);
    command.env("BYLINE_METRICS_TOKEN", "a-token-for-the-metrics").stderr(Stdio::null());
    let server = Server::start_as(command);
    server.anyone().get("/metrics").expect(401);
    server.anyone().bearer("another-token-for-it").get("/metrics").expect(401);
    server.anyone().bearer("a-token-for-the-metrics").get("/metrics").expect(200);
}

#[test]
fn a_request_in_flight_is_finished_before_the_server_ends() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    assert_eq!(add_editor(folder.path()).code, 0);
    let token = token(&sign_in(&server, "editor@example.org", PASSWORD));
    let idle = TcpStream::connect(server.address).unwrap();
    let body = r#"{"name": "Written while the server was told to stop"}"#;
    let mut slow = TcpStream::connect(server.address).unwrap();
    let length = body.len();
    write!(slow, "POST /v1/admin/tags HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n").unwrap();
    write!(slow, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{}", &body[..20]).unwrap();
    slow.flush().unwrap();
    // One that has come in and not begun to speak.
    let mut early = TcpStream::connect(server.address).unwrap();
    std::thread::sleep(Duration::from_millis(300));

    server.terminate();
    std::thread::sleep(Duration::from_millis(100));
    write!(early, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let (status, answer) = read(early);
    assert!(status == 200 && answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(server.ended(Duration::from_millis(1_500)), None, "it did not wait for the request");
    assert!(TcpStream::connect(server.address).is_err(), "it takes new connections");
    slow.write_all(&body.as_bytes()[20..]).unwrap();
    let (status, answer) = read(slow);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(server.ended(Duration::from_secs(10)), Some(0), "it did not end once all was done");
    drop(idle);
    Server::start(folder.path(), &[]).anyone().get("/readyz").expect(200);
}

#[test]
fn users_are_made_and_changed_from_the_machine_itself() {
    let folder = folder();
    assert!(refused(&mut byline(folder.path(), &["user", "list"])).contains("no database"));
    let server = Server::start(folder.path(), &[]);
    let added = add_editor(folder.path());
    assert_eq!((added.code, added.out.as_str()), (0, "editor@example.org is editor now.\n"), "{}", added.err);
    assert!(add_editor(folder.path()).err.contains("Another user has this email"));
    assert_eq!(sign_in(&server, "editor@example.org", PASSWORD).status, 200);

    let made = run(folder.path(), &["user", "add", "--role", "admin", "ann@example.org", "--name", "Ann"]);
    let password = made.out.trim_end().rsplit_once("Password: ").unwrap().1;
    assert_eq!(sign_in(&server, "ann@example.org", password).status, 200);
    let renewed = run(folder.path(), &["user", "set-password", "Ann@Example.org"]);
    assert_eq!(sign_in(&server, "ann@example.org", password).status, 401);
    let password = renewed.out.trim_end().rsplit_once("Password: ").unwrap().1;
    assert_eq!(sign_in(&server, "ann@example.org", password).status, 200);

    assert_eq!(run(folder.path(), &["user", "set-role", "editor@example.org", "author"]).code, 0);
    let list = run(folder.path(), &["user", "list"]).out;
    assert_eq!(list, "ann@example.org     admin        Ann\neditor@example.org  author       editor\n");

    let said = |words: &[&str]| refused(&mut byline(folder.path(), words));
    assert!(said(&["user", "set-role", "ann@example.org", "boss"]).contains("roles are admin, editor"));
    assert!(said(&["user", "set-role", "nobody@example.org", "admin"]).contains("there is no such user"));
    assert!(said(&["user", "add", "--role", "admin", "not-an-address"]).contains("invalid value 'not-an-address'"));
    assert!(said(&["user", "set-role", "ann@example.org", "author"]).contains("administrator"), "the last one stays");
}

#[test]
fn the_demo_is_loaded_once_and_only_into_nothing() {
    let folder = folder();
    let loaded = run(folder.path(), &["demo"]);
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    let file = folder.path().join("var/admin.json");
    assert_eq!(mode(&file), 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let login: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(login["email"], "admin@example.org");
    assert!(loaded.out.contains(login["password"].as_str().unwrap()), "{}", loaded.out);

    let again = run(folder.path(), &["demo"]);
    assert_eq!((again.code, std::fs::read_to_string(&file).unwrap()), (0, text.clone()), "{}", again.err);
    assert!(again.out.contains("loaded already"), "{}", again.out);
    assert_eq!(run(folder.path(), &["user", "list"]).out.lines().count(), 1);
    let server = Server::start(folder.path(), &[]);
    let admin = sign_in(&server, "admin@example.org", login["password"].as_str().unwrap()).expect(200);
    let json = |path: &str| server.anyone().get(path).expect(200).json();
    assert_eq!(json("/v1/articles?count=true&locale=*")["page"]["total"], 15);
    let handover = json("/v1/articles/the-two-year-handover");
    assert_eq!(handover["published_at"], "2026-09-14T05:30:00Z");
    assert_eq!(handover["translations"]["de"]["slug"], "zwei-jahre-bis-zur-uebergabe");
    assert_eq!(handover["primary_category"]["path"], "business/business-succession/family-handover");
    let comments = json("/v1/articles/the-two-year-handover/comments");
    assert_eq!(comments["data"].as_array().unwrap().len(), 2, "two threads were approved: {comments}");
    let queue = server.anyone().bearer(&token(&admin)).get("/v1/admin/comments").expect(200).json();
    let counts = &queue["counts"];
    for state in ["pending", "approved", "rejected", "spam", "trash"] {
        assert!(counts[state].as_u64().unwrap() > 0, "{counts}");
    }

    let own = ["--database-url", "sqlite://own.db"];
    run(folder.path(), &[["migrate", "--create"], own].concat());
    let words = [&["user", "add", "--role", "admin", "ann@example.org"], &own[..]].concat();
    assert_eq!(run(folder.path(), &words).code, 0);
    let said = refused(&mut byline(folder.path(), &[&["demo"], &own[..]].concat()));
    assert!(said.contains("a publication of its own"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_demos_administrator_is_who_the_variables_say() {
    let folder = folder();
    let mut command = byline(folder.path(), &["demo"]);
    let err = refused(command.env("BYLINE_ADMIN_PASSWORD", "short"));
    assert!(err.contains("BYLINE_ADMIN_PASSWORD") && err.contains("15 characters"), "{err}");
    assert!(!folder.path().join("var/admin.json").exists());
    let mut command = byline(folder.path(), &["demo"]);
    command.env("BYLINE_ADMIN_EMAIL", "ann@example.org").env("BYLINE_ADMIN_PASSWORD", PASSWORD);
    let loaded = said(command.output().unwrap());
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    let server = Server::start(folder.path(), &[]);
    assert_eq!(sign_in(&server, "ann@example.org", PASSWORD).status, 200);
}

#[test]
fn doctor_says_what_is_wrong_and_changes_nothing() {
    let folder = folder();
    drop(Server::start(folder.path(), &[]));
    let said = run(folder.path(), &["doctor"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(said.out.lines().count(), 7, "{}", said.out);
    assert!(said.out.contains("odd   users     nobody can sign in yet"), "{}", said.out);
    assert!(said.out.contains("fine  database  SQLite answers"), "{}", said.out);
    assert!(said.out.contains("fine  ghost     its Content API takes the key "), "{}", said.out);
    let words = ["doctor", "--public-url", "https://cms.example.org", "--allowed-hosts", "www.example.org"];
    let said = run(folder.path(), &words);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("wrong address   --allowed-hosts leaves out cms.example.org"), "{}", said.out);
    let said = run(folder.path(), &["doctor", "--smtp-url", "smtp://127.0.0.1:1"]);
    assert!(said.code == 1 && said.out.contains("wrong mail"), "{}", said.out);
}

#[test]
fn log_lines_are_json_on_wish_and_hold_no_token() {
    let folder = folder();
    let mut command = byline(folder.path(), &["--log-format", "json"]);
    command.stderr(Stdio::piped());
    let mut server = Server::start_as(command);
    let err = server.child.stderr.take().unwrap();
    let curious = server.anyone().bearer("a.secret.token").with("x-request-id", "the-one");
    curious.get("/v1/admin/tags?cursor=private").expect(401);
    // What a stranger sends is no error of ours.
    let mut garbled = TcpStream::connect(server.address).unwrap();
    write!(garbled, "GET / HTTP/1.1\r\nno header\r\n\r\n").unwrap();
    assert_eq!(read(garbled).0, 400);
    server.terminate();
    assert_eq!(server.ended(Duration::from_secs(10)), Some(0));
    let text = std::io::read_to_string(err).unwrap();
    assert!(!text.contains("secret.token") && !text.contains("private"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["level"] != "ERROR"), "{text}");
    let line = lines.iter().find(|line| line["request_id"] == "the-one").expect("a line for the request");
    assert_eq!((&line["status"], &line["route"]), (&401.into(), &"/v1/admin/tags".into()), "{line}");
}

#[test]
fn redirects_are_read_from_a_table() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(run(path, &["migrate", "--create"]).code, 0);
    let import = |text: &str, dry: bool| {
        std::fs::write(path.join("rules.csv"), text).unwrap();
        let words = ["redirects", "import", "rules.csv", "--dry-run"];
        run(path, if dry { &words } else { &words[..3] })
    };
    let good = "to,from,pattern,note\n/new,/old,,\"From, before\"\n,/gone,,\n/$1,^/blog/(.*)$,true,\n";
    assert_eq!(import(good, true).out, "3 would be made, 0 would be changed, 0 there already\n");
    assert_eq!(import(good, false).out, "3 made, 0 changed, 0 there already\n");
    assert_eq!(import(good, false).out, "0 made, 0 changed, 3 there already\n");
    assert_eq!(import("/old,/newer\n", false).out, "0 made, 1 changed, 0 there already\n");
    let bad = import("/a,/b\nx,/y\n/c,/d\n(,/e,true\n/f,/g,perhaps\n/b,/a\n", false);
    assert_eq!(bad.code, 1);
    for line in ["line 2: from: ", "line 4: from: ", "line 5: `pattern`", "line 6: to: "] {
        assert!(bad.err.contains(line), "{line} is not in {}", bad.err);
    }
    // All or nothing.
    assert_eq!(import("/a,/b\n", true).out, "1 would be made, 0 would be changed, 0 there already\n");
    assert!(import("\u{1}\u{ff}", false).code == 1 && run(path, &["redirects", "import", "none.csv"]).code == 1);
    std::fs::write(path.join("latin.csv"), b"/a,/b\n/\xe4,/c\n").unwrap();
    assert!(run(path, &["redirects", "import", "latin.csv"]).err.contains("line 2: "));
}

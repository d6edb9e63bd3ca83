//! Several nodes on one database, and a database that goes away: the real binary, with kills and cuts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use domain::Timestamp;
use futures_util::future::join_all;
use persistence::changes::{self, Op, Resource};
use persistence::{Conn, DatabaseUrl, Db, Options};
use serde_json::json;

use crate::journey::{Acknowledged, Person, Publication, Writer, leave_comment, random_moments, until, write_article};
use crate::support::{App, Broken, Client, Engine, Reply, both, postgres};

/// Writes an article and publishes it; answers its address for editors.
fn publish(editor: &Client, title: &str) -> String {
    let id = editor.post("/v1/admin/articles", &json!({"title": title, "body": "Short."})).expect(201).id();
    let path = format!("/v1/admin/articles/{id}");
    editor.change("POST", &path, "/publish", None).expect(200);
    path
}

/// Gives it another title, for readers too.
fn retitle(editor: &Client, path: &str, title: &str) {
    editor.change("PATCH", path, "", Some(&json!({"title": title}))).expect(200);
    editor.change("POST", path, "/publish", None).expect(200);
}

fn is_hit(reply: &Reply) -> bool {
    reply.header("cache-status").is_some_and(|status| status.starts_with("Byline; hit"))
}

/// One answer of a server under load.
struct Heard {
    at: Instant,
    took: Duration,
    status: u16,
    retry_after: bool,
    what: String,
}

/// Asks again and again.
fn ask(
    until: &Arc<AtomicBool>,
    mut request: impl FnMut(u32) -> Result<Reply, Broken> + Send + 'static,
) -> JoinHandle<Vec<Heard>> {
    let over = Arc::clone(until);
    thread::spawn(move || {
        let mut heard = Vec::new();
        for number in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let began = Instant::now();
            let reply = request(number).expect("the connection to the server breaks");
            let (at, took, status) = (Instant::now(), began.elapsed(), reply.status);
            let retry_after = reply.header("retry-after").is_some();
            heard.push(Heard { at, took, status, retry_after, what: reply.text().to_owned() });
            thread::sleep(Duration::from_millis(10));
        }
        heard
    })
}

#[test]
fn readers_do_not_notice_that_postgres_is_gone() {
    let cluster = postgres::Cluster::start();
    let paper = Publication::open_on(cluster.url("postgres"));
    let staff = paper.hire("editor");
    let editor = paper.as_(&staff);
    let path = publish(&editor, "One");
    let reader = paper.anyone();
    for cached in ["/v1/articles/one", "/v1/articles"] {
        reader.get(cached).expect(200);
        assert!(is_hit(&reader.get(cached).expect(200)));
    }

    let over = Arc::new(AtomicBool::new(false));
    let cached = {
        let reader = reader.clone();
        ask(&over, move |number| reader.try_get(["/v1/articles/one", "/v1/articles"][number as usize % 2]))
    };
    let mut others = Vec::new();
    for thread in 0..6 {
        let (reader, editor) = (reader.clone(), editor.clone());
        others.push(ask(&over, move |number| match (thread, number % 3) {
            (0, _) => editor.try_post("/v1/admin/tags", &json!({"name": format!("Tag {number}")})),
            (1, _) => {
                let write =
                    json!({"author_name": "Ann", "author_email": "ann@example.org", "body": format!("No. {number}")});
                reader.try_post("/v1/articles/one/comments", &write)
            }
            (2, 0) => editor.try_get("/v1/admin/articles"),
            (2, 1) => reader.try_get("/v1/changes"),
            (2, _) => reader.try_get("/readyz"),
            (thread, _) => reader
                .try_get(&format!("/v1/articles?limit={thread}&published_before=2099-01-01T00:00:00.{number:06}Z")),
        }));
    }
    thread::sleep(Duration::from_secs(1));
    let cut = Instant::now();
    cluster.cut();
    thread::sleep(Duration::from_secs(5));
    let mended = Instant::now();
    cluster.resume();
    let back = Instant::now();
    thread::sleep(Duration::from_secs(4));
    retitle(&editor, &path, "One, again");
    assert_eq!(reader.get("/v1/articles/one").expect(200).json()["title"], "One, again");
    over.store(true, Ordering::Relaxed);

    let cached = cached.join().unwrap();
    for heard in &cached {
        assert_eq!(heard.status, 200, "a cached answer, {:?} after the cut: {}", heard.at - cut, heard.what);
    }
    let slowest = cached.iter().map(|heard| heard.took).max().unwrap();
    let others: Vec<Heard> = others.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let (mut refused, mut last) = (0, back);
    for heard in &others {
        match heard.status {
            200..=202 => {
                assert!(heard.at < cut + Duration::from_secs(1) || heard.at > mended, "answered without a database");
            }
            503 => {
                assert!(heard.retry_after, "{}", heard.what);
                assert!(heard.took < Duration::from_secs(3), "refused after {:?}", heard.took);
                refused += 1;
                last = last.max(heard.at);
            }
            status => panic!("{status}: {}", heard.what),
        }
    }
    let recovery = last.duration_since(back);
    println!(
        "{} cached, the slowest after {slowest:?}; {} others, {refused} refused, the last {recovery:?} after the return",
        cached.len(),
        others.len(),
    );
    assert!(refused > 100, "{refused} refused");
    assert!(recovery < Duration::from_secs(2), "{recovery:?}");
}

both! {
    async fn nobody_waits_for_ever_behind_work_that_hangs(app: App) {
        let (hangs, hanging) = mpsc::channel();
        let db = &app.data.db;
        let work: Vec<_> = (0..4)
            .map(|_| {
                let (hangs, (release, released)) = (hangs.clone(), mpsc::channel::<()>());
                let read = db.clone();
                let read = actix_web::rt::spawn(async move {
                    read.read(move |_| {
                        hangs.send(())?;
                        Ok(released.recv()?)
                    })
                    .await
                });
                (release, read)
            })
            .collect();
        actix_web::web::block(move || (0..4).for_each(|_| hanging.recv().unwrap())).await.unwrap();
        let began = Instant::now();
        app.anyone().get("/v1/articles").await.expect(503);
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        for (release, read) in work {
            release.send(()).unwrap();
            read.await.unwrap().unwrap();
        }
        app.anyone().get("/v1/articles").await.expect(200);
    }
}

/// On SQLite they are done where they are asked for: there is no lane.
#[actix_web::test]
async fn short_reads_on_postgres_take_turns_and_outlive_what_panics_or_hangs() {
    let app = App::start(Engine::Postgres).await;
    let db = &app.data.db;
    let answers = join_all((0..500_u32).map(|number| db.peek(move |_| Ok(number)))).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap() as usize, number);
    }

    let plans = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT current_setting('plan_cache_mode')");
    let plans = db.peek(move |conn| Ok(plans.get_result::<String>(conn)?)).await.unwrap();
    assert_eq!(plans, "force_generic_plan");

    db.peek(|_| -> domain::Result<()> { panic!("as this test wants it") }).await.unwrap_err();
    assert_eq!(db.peek(|_| Ok(1)).await.unwrap(), 1);

    // More than there are connections.
    let (hangs, hanging) = mpsc::channel();
    let peeks: Vec<_> = (0..20)
        .map(|_| {
            let ((release, released), hangs, db) = (mpsc::channel::<()>(), hangs.clone(), db.clone());
            let hang = move |_: &mut Conn| {
                hangs.send(())?;
                Ok(released.recv()?)
            };
            (release, actix_web::rt::spawn(async move { db.peek(hang).await }))
        })
        .collect();
    let _hanging = actix_web::web::block(move || hanging.recv().map(|()| hanging)).await.unwrap().unwrap();
    let began = Instant::now();
    assert!(matches!(db.peek(|_| Ok(())).await, Err(domain::Error::Busy { .. })));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    for (release, peek) in peeks {
        drop(release);
        peek.await.unwrap().unwrap_err();
    }
    assert_eq!(db.peek(|_| Ok(2)).await.unwrap(), 2);
}

#[actix_web::test]
async fn short_reads_find_their_way_back_to_postgres_that_went_again_meanwhile() {
    let cluster = postgres::Cluster::start();
    let db = Db::open(&Options { url: cluster.url("postgres"), create: false, connections: 1 }).unwrap();
    let peek = || db.peek(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn)?));
    peek().await.unwrap();
    cluster.cut();
    for _ in 0..3 {
        assert!(matches!(peek().await, Err(domain::Error::Busy { .. })));
    }
    // Long enough to find back, but nobody reads before it goes again.
    cluster.resume();
    thread::sleep(Duration::from_secs(2));
    cluster.cut();
    cluster.resume();
    let back = Instant::now();
    while let Err(error) = peek().await {
        assert!(matches!(error, domain::Error::Busy { .. }), "{error:?}");
        assert!(back.elapsed() < Duration::from_secs(2), "not yet back after {:?}", back.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_writes_without_a_pause_lets_another_process_in() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("byline.db"));
    let open = || Db::open(&Options { url: url.clone(), create: true, connections: 1 }).unwrap();
    let (greedy, modest) = (open(), open());
    let over = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let writer = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            while !over.load(Ordering::Relaxed) {
                let work = |_: &mut Conn| {
                    thread::sleep(Duration::from_millis(5));
                    Ok(())
                };
                greedy.write_blocking(work).unwrap();
                let _ = tell.send(());
            }
        }
    });
    told.recv().unwrap();
    let write = || {
        let began = Instant::now();
        modest.write_blocking(|_| Ok(())).expect("there is a moment for it");
        began.elapsed()
    };
    let slowest = (0..50).map(|_| write()).max();
    over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    println!("after {slowest:?} at the latest");
}

#[test]
fn two_nodes_work_as_one_on_sqlite() {
    two_nodes_work_as_one(Engine::Sqlite);
}

#[test]
fn two_nodes_work_as_one_on_postgres() {
    two_nodes_work_as_one(Engine::Postgres);
}

fn two_nodes_work_as_one(engine: Engine) {
    let paper = Publication::open(engine);
    let staff = paper.hire("editor");
    let editor = paper.as_(&staff);
    let other = paper.node();
    let path = publish(&editor, "One");
    let reader = other.anyone();
    reader.get("/v1/articles/one").expect(200);
    let mut slowest = Duration::ZERO;
    for round in 0..10 {
        // What was computed before the node heard of the change is dropped once more.
        until(|| is_hit(&reader.get("/v1/articles/one").expect(200)).then_some(())).expect("it is kept");
        let title = format!("One, {round}");
        retitle(&editor, &path, &title);
        let done = Instant::now();
        while reader.get("/v1/articles/one").expect(200).json()["title"] != title.as_str() {
            assert!(done.elapsed() < Duration::from_secs(5), "it is not seen on the other node");
        }
        slowest = slowest.max(done.elapsed());
    }
    println!("seen on the other node after {slowest:?} at the latest");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");

    // A key of a create is known on both; a session that ends on one ends on the other.
    let create = |client: &Client| {
        let body = json!({"title": "Two", "body": "Short."});
        client
            .with("idempotency-key", "a-key-for-both-nodes")
            .try_post("/v1/admin/articles", &body)
            .unwrap()
            .expect(201)
            .id()
    };
    assert_eq!(create(&editor), create(&other.anyone().bearer(&staff.access)));
    other.anyone().bearer(&staff.access).get("/v1/me").expect(200);
    editor.post("/v1/auth/logout", &json!({"refresh_token": staff.refresh})).expect(204);
    let ends = until(|| (other.anyone().bearer(&staff.access).get("/v1/me").status == 401).then_some(()));
    ends.expect("the session ends on the other node");
}

#[test]
fn a_node_that_dies_leaves_nothing_undone_on_sqlite() {
    a_node_that_dies_leaves_nothing_undone(Engine::Sqlite);
}

#[test]
fn a_node_that_dies_leaves_nothing_undone_on_postgres() {
    a_node_that_dies_leaves_nothing_undone(Engine::Postgres);
}

const KILLS: u32 = 3;

fn a_node_that_dies_leaves_nothing_undone(engine: Engine) {
    let paper = Publication::open(engine);
    let staff = paper.hire("editor");
    publish(&paper.as_(&staff), "Who takes over?");
    let mut acknowledged = Vec::new();
    for moment in random_moments(KILLS) {
        let doomed = paper.node();
        let over = Arc::new(AtomicBool::new(false));
        // The doomed one's writers end with it; the survivor's when they are told.
        let dying = writers(&doomed.anyone(), &staff, &Arc::default());
        let living = writers(&paper.anyone(), &staff, &over);
        thread::sleep(moment);
        doomed.kill();
        for written in dying.into_iter().map(Writer::end) {
            acknowledged.extend(written.acknowledged);
        }
        over.store(true, Ordering::Relaxed);
        for written in living.into_iter().map(Writer::end) {
            assert!(matches!(written.end, Broken::Told), "the survivor breaks: {:?}", written.end);
            acknowledged.extend(written.acknowledged);
        }
    }
    let editor = paper.as_(&staff);
    let mut scheduled = Vec::new();
    let mut readers = Vec::new();
    for write in &acknowledged {
        match write.address.strip_prefix("mailto:") {
            Some(email) => readers.push(email.to_owned()),
            None if write.says == "scheduled" => scheduled.push(write),
            None => {
                let found = editor.get(&write.address).expect(200);
                assert!(found.text().contains(&format!("\"{}\"", write.says)), "{}", found.text());
                if let Some(public) = &write.public {
                    paper.anyone().get(public).expect(200);
                }
            }
        }
    }
    assert!(scheduled.len() > 5 && readers.len() > 5, "{} scheduled, {} readers", scheduled.len(), readers.len());

    // The last one falls due within two seconds, and is entered within one more.
    thread::sleep(Duration::from_secs(4));
    let entered = entries(&paper);
    for write in &scheduled {
        paper.anyone().get(write.public.as_ref().unwrap()).expect(200);
        let id = write.address.rsplit('/').next().unwrap();
        assert_eq!(entered.get(id), Some(&1), "{} in the log", write.address);
    }

    // Mail: to everyone once. What the dead had in hand waits until its lease ends.
    let came = || {
        let missing = readers.iter().filter(|email| paper.mails_to(email).is_empty()).count();
        (missing <= KILLS as usize).then_some(missing)
    };
    let missing = until(came).expect("the mails arrive");
    thread::sleep(Duration::from_secs(1));
    assert!(readers.iter().all(|email| paper.mails_to(email).len() <= 1), "a mail came twice");
    println!("{} writes; {} mails, {missing} in the hands of the dead", acknowledged.len(), readers.len());
}

/// How often each article was entered as published.
fn entries(paper: &Publication) -> BTreeMap<String, u32> {
    let url = match &paper.database {
        DatabaseUrl::Sqlite(path) => DatabaseUrl::Sqlite(paper.folder.path().join(path)),
        postgres @ DatabaseUrl::Postgres(_) => postgres.clone(),
    };
    let db = Db::open(&Options { url, create: false, connections: 1 }).unwrap();
    let mut entered = BTreeMap::new();
    for change in db.read_blocking(|conn| changes::after(conn, 0, 1_000_000)).unwrap() {
        if change.resource == Resource::Article && change.op == Op::Upsert {
            *entered.entry(change.id).or_default() += 1;
        }
    }
    entered
}

/// People who write until the server is gone, or it is over.
fn writers(server: &Client, staff: &Person, over: &Arc<AtomicBool>) -> Vec<Writer> {
    type Write = fn(&Client, &str, &mut Vec<Acknowledged>) -> Result<(), Broken>;
    let work: [(Client, Write); 4] = [
        (server.bearer(&staff.access), write_article),
        (server.bearer(&staff.access), schedule),
        (server.clone(), leave_comment),
        (server.clone(), subscribe),
    ];
    let start = |(client, write): (Client, Write)| {
        let (begun, waiting) = mpsc::channel();
        let over = Arc::clone(over);
        let writer = Writer::start(client, begun, move |client, says, done| {
            if over.load(Ordering::Relaxed) { Err(Broken::Told) } else { write(client, says, done) }
        });
        waiting.recv_timeout(Duration::from_mins(1)).expect("a writer is heard");
        writer
    };
    work.into_iter().map(start).collect()
}

fn schedule(editor: &Client, says: &str, done: &mut Vec<Acknowledged>) -> Result<(), Broken> {
    let made = editor.try_post("/v1/admin/articles", &json!({"title": says, "body": "Short."}))?.expect(201);
    let address = format!("/v1/admin/articles/{}", made.id());
    let due = json!({"publish_at": Timestamp::now().plus_seconds(2)});
    editor.try_change("POST", &address, "/schedule", Some(&due))?.expect(200);
    let public = format!("/v1/articles/{}", made.json()["slug"].as_str().unwrap());
    done.push(Acknowledged { address, says: "scheduled".into(), public: Some(public) });
    Ok(())
}

fn subscribe(reader: &Client, says: &str, done: &mut Vec<Acknowledged>) -> Result<(), Broken> {
    let email = format!("{}@example.org", says.to_lowercase().replace(' ', "-"));
    reader.try_post("/v1/subscriptions", &json!({"email": email}))?.expect(202);
    done.push(Acknowledged { address: format!("mailto:{email}"), says: String::new(), public: None });
    Ok(())
}

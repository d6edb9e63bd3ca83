//! What a publication that moves in brings along: bodies for members, internal tags, numbers, wide slugs.

use domain::articles::{ArticleWrite, Kind, State};
use domain::bylines::BylineWrite;
use domain::categories::CategoryWrite;
use domain::tags::TagWrite;
use domain::text::Slug;
use domain::{Actor, Timestamp};
use persistence::articles::{self, Imported};
use persistence::wordpress_ids::{self, Numbered};
use persistence::{Fate, bylines, categories, ghost_ids, tags};
use serde_json::json;

use crate::support::{App, both};

both! {
    async fn the_public_never_sees_what_is_for_members(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let html = "<h2>Open door</h2><p>Everyone may read this.</p><!--members-only--><h2>Closed door</h2><p>zirconium</p>";
        let body = json!({
            "title": "For members", "slug": "for-members", "body": html, "body_format": "html", "visibility": "members",
            "featured": true,
        });
        let path = editor.post("/v1/admin/articles", body).await.expect(201).header("location").unwrap();
        let seen = editor.act(&format!("{path}/publish")).await.expect(200).json();
        assert!(seen["body_html"].as_str().unwrap().contains("zirconium"));
        assert_eq!(seen["body"], html);
        let shown = reader.get("/v1/articles/for-members").await.expect(200);
        let document = shown.json();
        assert_eq!((&document["visibility"], &document["featured"]), (&json!("members"), &json!(true)));
        assert_eq!(document["excerpt"], "Everyone may read this.");
        assert_eq!((&document["word_count"], document["toc"].as_array().unwrap().len()), (&json!(6), 1));
        for path in ["/v1/articles/for-members", "/v1/articles?include=body", "/v1/search?q=door", "/v1/changes?include=documents"] {
            let text = reader.get(path).await.expect(200).text().to_owned();
            assert!(text.contains("for-members") && !text.contains("zirconium") && !text.contains("Closed"), "{path}: {text}");
        }
        assert_eq!(reader.get("/v1/search?q=zirconium").await.expect(200).json()["data"], json!([]));
        // It becomes public with the next publication, and not before.
        editor.patch(&path, json!({"visibility": "public"})).await.expect(200);
        assert!(!reader.get("/v1/articles/for-members").await.text().contains("zirconium"));
        editor.act(&format!("{path}/publish")).await.expect(200);
        assert!(reader.get("/v1/articles/for-members").await.text().contains("zirconium"));
        // Without a mark there is nothing for the public.
        let hidden = json!({"body": "All of it is zirconium.", "body_format": "markdown", "visibility": "paid"});
        editor.patch(&path, hidden).await.expect(200);
        editor.act(&format!("{path}/publish")).await.expect(200);
        let shown = reader.get("/v1/articles/for-members").await.expect(200).json();
        assert_eq!((&shown["body_html"], &shown["excerpt"]), (&json!(""), &json!("")));
    }

    async fn readers_do_not_see_internal_tags(app: App) {
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let tag = editor.post("/v1/admin/tags", json!({"name": "#covers", "slug": "hash-covers", "internal": true})).await.expect(201);
        let other = editor.post("/v1/admin/tags", json!({"name": "Open"})).await.expect(201).id();
        let body = json!({"title": "Tagged", "tag_ids": [tag.id(), other]});
        let path = editor.post("/v1/admin/articles", body).await.expect(201).header("location").unwrap();
        let seen = editor.act(&format!("{path}/publish")).await.expect(200).json();
        assert_eq!(seen["tags"].as_array().unwrap().len(), 2);
        let hidden = async |reader: &mut crate::support::Caller| {
            for path in ["/v1/articles/tagged", "/v1/tags", "/v1/tags?count=true", "/v1/changes", "/v1/changes?include=documents"] {
                let text = reader.get(path).await.expect(200).text().to_owned();
                assert!(!text.contains("covers"), "{path}: {text}");
            }
            reader.get("/v1/tags/hash-covers").await.expect(404);
            reader.get("/v1/resolve?path=/tag/hash-covers").await.expect(404);
            assert_eq!(reader.get("/v1/articles?tag=hash-covers").await.expect(200).json()["data"], json!([]));
            assert_eq!(reader.get("/v1/tags?count=true").await.expect(200).json()["page"]["total"], 1);
        };
        hidden(&mut reader).await;
        let first = reader.get("/v1/changes").await.json()["token"].as_str().unwrap().to_owned();
        let tag_path = tag.header("location").unwrap();
        editor.patch(&tag_path, json!({"name": "#covers again"})).await.expect(200);
        let changes = reader.get(&format!("/v1/changes?since={first}")).await.json();
        assert!(changes["data"].as_array().unwrap().iter().all(|change| change["resource"] != "tag"), "{changes}");
        // What turns public is there at once, everywhere; and away again.
        editor.patch(&tag_path, json!({"internal": false})).await.expect(200);
        assert_eq!(reader.get("/v1/articles/tagged").await.json()["tags"].as_array().unwrap().len(), 2);
        reader.get("/v1/tags/hash-covers").await.expect(200);
        assert_eq!(reader.get("/v1/articles?tag=hash-covers").await.json()["data"].as_array().unwrap().len(), 1);
        let second = reader.get("/v1/changes").await.json()["token"].as_str().unwrap().to_owned();
        editor.patch(&tag_path, json!({"internal": true})).await.expect(200);
        hidden(&mut reader).await;
        let changes = reader.get(&format!("/v1/changes?since={second}")).await.json();
        let gone = changes["data"].as_array().unwrap().iter().find(|change| change["resource"] == "tag").unwrap();
        assert_eq!((&gone["op"], &gone["id"]), (&json!("delete"), &json!(tag.id())));
    }

    async fn everything_has_a_number_that_stays_its_own(app: App) {
        let mut editor = app.editor();
        let first = editor.post("/v1/admin/articles", json!({"title": "First"})).await.expect(201);
        let page = editor.post("/v1/admin/articles", json!({"title": "Second", "kind": "page"})).await.expect(201);
        let category = editor.post("/v1/admin/categories", json!({"name": "News"})).await.expect(201);
        let tag = editor.post("/v1/admin/tags", json!({"name": "News"})).await.expect(201);
        let byline = editor.post("/v1/admin/bylines", json!({"name": "Ann"})).await.expect(201);
        let number = |resource, id: String| {
            let read = move |conn: &mut persistence::Conn| wordpress_ids::of(conn, resource, &id);
            app.data.db.read_blocking(read).unwrap()
        };
        assert_eq!(number(Numbered::Article, first.id()), Some(1));
        assert_eq!(number(Numbered::Article, page.id()), Some(2));
        assert_eq!(number(Numbered::Category, category.id()), Some(1));
        assert_eq!(number(Numbered::Tag, tag.id()), Some(2), "categories and tags are counted together");
        assert_eq!(number(Numbered::Byline, byline.id()), Some(1));
        // A number from a file is kept where it is free, and what comes next is above it.
        let reserve = |id: &'static str, wanted| {
            app.data.db.write_blocking(move |conn| wordpress_ids::reserve(conn, Numbered::Media, id, wanted)).unwrap()
        };
        assert_eq!((reserve("a", 40), reserve("b", 40), reserve("a", 7), reserve("c", 3)), (40, 41, 40, 3));
        editor.delete(&first.header("location").unwrap()).await.expect(204);
        let next = editor.post("/v1/admin/articles", json!({"title": "Next"})).await.expect(201);
        assert_eq!(number(Numbered::Article, next.id()), Some(42));
        // Ghost's are hashes, or Ghost's own.
        let made = domain::ids::ghost_id("article", &next.id());
        let id = next.id();
        let known = app.data.db.read_blocking(move |conn| ghost_ids::of(conn, ghost_ids::Kind::Article, &id)).unwrap();
        assert_eq!(known, Some(made));
        let keep = |id: &'static str| {
            let own = "5ddc9141c35e7700383b2937";
            app.data.db.write_blocking(move |conn| ghost_ids::reserve(conn, ghost_ids::Kind::Tag, id, own)).unwrap()
        };
        assert_eq!((keep("one").as_str(), keep("two")), ("5ddc9141c35e7700383b2937", domain::ids::ghost_id("tag", "two")));
    }

    async fn what_was_elsewhere_is_put_as_it_was_and_stays_when_it_comes_again(app: App) {
        let now = app.now();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let put = || app.data.db.write_blocking(move |conn| {
            let by = Actor::system();
            let founded = at("2009-03-01T00:00:00Z");
            let slug = Some("Über_uns".to_owned());
            let write = CategoryWrite { slug, name: Some("Über uns".into()), ..CategoryWrite::default() };
            let category = "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e01".parse()?;
            let (first, category) = categories::put(conn, &by, category, write.check_change("Über_uns")?, founded)?;
            let write = TagWrite { name: Some("Ladders".into()), ..TagWrite::default() };
            let (second, tag) = tags::put(conn, &by, "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e02".parse()?, write.check()?, founded)?;
            let write = BylineWrite { name: Some("Ann".into()), ..BylineWrite::default() };
            let (third, byline) = bylines::put(conn, &by, "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e03".parse()?, write.check()?, founded)?;
            let write = ArticleWrite {
                title: Some("Straße".into()),
                slug: Some("Straße %1".into()),
                body: Some("On the street.".into()),
                category_ids: Some(vec![category.id]),
                tag_ids: Some(vec![tag.id]),
                byline_ids: Some(vec![byline.id]),
                ..ArticleWrite::default()
            };
            let id = "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e04".parse()?;
            let old = Slug::parse_imported("strasse").map_err(|(_, detail)| domain::Error::Internal(detail))?;
            let imported = Imported {
                id,
                kind: Kind::Article,
                group: "01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e05".parse()?,
                locale: "en".into(),
                state: State::Published,
                content: write.check_change("Straße %1")?.content,
                comments_open: false,
                created_at: founded,
                updated_at: at("2012-01-01T00:00:00Z"),
                published_at: Some(at("2010-05-06T07:08:09Z")),
                publish_at: None,
                old_slugs: vec![old],
                number: Some(512),
                ghost_id: None,
            };
            let put = articles::put(conn, &by, vec![imported], now)?.remove(0);
            assert!(put.as_elsewhere);
            assert_eq!(put.slug, "Straße %1");
            Ok([first, second, third, put.fate])
        })
        .unwrap();
        assert_eq!(put(), [Fate::Created; 4]);
        let entered = app.changes().len();
        assert_eq!(put(), [Fate::Unchanged; 4]);
        assert_eq!(app.changes().len(), entered);
        let (mut editor, mut reader) = (app.editor(), app.anyone());
        let shown = reader.get("/v1/articles/Stra%C3%9Fe%20%251").await.expect(200).json();
        assert_eq!((&shown["published_at"], &shown["updated_at"]), (&json!("2010-05-06T07:08:09Z"), &json!("2012-01-01T00:00:00Z")));
        assert_eq!(shown["url"], "http://cms.example.org/Stra%C3%9Fe%20%251");
        reader.get("/v1/articles/stra%C3%9Fe%20%251").await.expect(404);
        let moved = reader.get("/v1/articles/strasse").await.expect(308);
        assert_eq!(moved.header("location").unwrap(), "http://cms.example.org/v1/articles/Stra%C3%9Fe%20%251");
        for path in ["/Stra%25C3%259Fe%2520%25251", "/Stra%C3%9Fe%20%25251"] {
            let resolved = reader.get(&format!("/v1/resolve?path={path}")).await.expect(200).json();
            assert_eq!((&resolved["status"], &resolved["resource"]["slug"]), (&json!(200), &json!("Straße %1")));
        }
        let resolved = reader.get("/v1/resolve?path=/strasse").await.expect(200).json();
        assert_eq!((&resolved["status"], &resolved["path"]), (&json!(301), &json!("/Stra%C3%9Fe%20%251")));
        let listed = reader.get("/v1/articles?category=%C3%9Cber_uns&count=true").await.expect(200).json();
        assert_eq!(listed["page"]["total"], 1);
        reader.get("/v1/categories/%C3%9Cber_uns").await.expect(200);
        // An editor changes what came in, and it keeps its slug.
        let path = format!("/v1/admin/articles/{}", shown["id"].as_str().unwrap());
        editor.get(&path).await.expect(200);
        let changed = editor.patch(&path, json!({"title": "The street"})).await.expect(200).json();
        assert_eq!(changed["slug"], "Straße %1");
        editor.patch(&path, json!({"slug": "Weg %2"})).await.expect(422);
    }

    async fn numbers_that_are_taken_at_the_same_time_differ(app: App) {
        let db = app.data.db.clone();
        let take = |writer: i32| {
            let db = db.clone();
            std::thread::spawn(move || {
                let one = |turn: i32| {
                    let id = format!("{writer}-{turn}");
                    db.write_blocking(move |conn| wordpress_ids::take(conn, Numbered::Comment, &id)).unwrap()
                };
                (0..10).map(one).collect::<Vec<_>>()
            })
        };
        let writers: Vec<_> = (0..8).map(take).collect();
        let mut numbers: Vec<i64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
    }
}

//! Ghost's Content API: what front ends that were written for Ghost get.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::newsroom::publish;
use crate::support::{App, Caller, Reply, both};

/// Someone who shows the publication's key with everything.
struct Front(Caller, String);

impl Front {
    fn of(app: &App) -> Self {
        Self(app.anyone(), app.data.secrets.content_key())
    }

    /// What is at a path below `/content/`.
    async fn get(&mut self, path: &str) -> Reply {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = [(" ", "%20"), ("<", "%3C"), (">", "%3E"), ("^", "%5E"), ("\\", "%5C")]
            .iter()
            .fold(path.to_owned(), |path, (plain, coded)| path.replace(plain, coded));
        self.0.get(&format!("/ghost/api/content/{path}{joint}key={}", self.1)).await
    }

    /// The slugs of what a list holds.
    async fn slugs(&mut self, path: &str) -> Vec<String> {
        slugs(&self.get(path).await.expect(200).json())
    }
}

fn slugs(body: &Value) -> Vec<String> {
    let items = body.as_object().unwrap().values().next().unwrap().as_array().unwrap();
    items.iter().map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
}

/// What is wrong: the status, the type, and the context, or else the message.
fn wrong(reply: &Reply) -> (u16, String, String) {
    let error = &reply.json()["errors"][0];
    let said = error["context"].as_str().or(error["message"].as_str()).unwrap();
    assert_eq!(reply.header("access-control-allow-origin").as_deref(), Some("*"));
    assert!(reply.header("cache-control").unwrap().contains("no-store"));
    (reply.status, error["type"].as_str().unwrap().to_owned(), said.to_owned())
}

async fn make(editor: &mut Caller, collection: &str, write: Value) -> String {
    editor.post(&format!("/v1/admin/{collection}"), write).await.expect(201).id()
}

struct Publication {
    editor: Caller,
    succession: String,
    hidden: String,
}

/// A small publication: three articles in a tree of categories, one of them with an internal tag; two pages; a draft.
async fn publication(app: &App) -> Publication {
    let mut editor = app.admin();
    let business = make(&mut editor, "categories", json!({"name": "Business"})).await;
    let succession = json!({"name": "Business Succession", "parent_id": business, "description": "Who takes over."});
    let succession = make(&mut editor, "categories", succession).await;
    let advice = make(&mut editor, "tags", json!({"name": "Advice"})).await;
    let hidden = make(&mut editor, "tags", json!({"name": "#letter", "slug": "hash-letter", "internal": true})).await;
    make(&mut editor, "tags", json!({"name": "Unused"})).await;
    let ann =
        make(&mut editor, "bylines", json!({"name": "Ann", "bio": "Writes.", "website": "https://ann.example/"})).await;
    let bob = make(&mut editor, "bylines", json!({"name": "Bob"})).await;
    make(&mut editor, "bylines", json!({"name": "Silent"})).await;
    for (title, categories, tags, bylines) in [
        ("First", vec![&succession], vec![&advice, &hidden], vec![&ann]),
        ("Second", vec![&business, &succession], vec![&advice], vec![&bob, &ann]),
        ("Third", vec![], vec![&advice], vec![&ann]),
    ] {
        let write = json!({
            "title": title, "body": format!("About **the {title}**."), "category_ids": categories, "tag_ids": tags,
            "byline_ids": bylines, "featured": title == "Second",
        });
        publish(&mut editor, write).await;
        app.pass(60);
    }
    editor.post("/v1/admin/articles", json!({"title": "A draft"})).await.expect(201);
    publish(&mut editor, json!({"kind": "page", "title": "Zebras"})).await;
    publish(&mut editor, json!({"kind": "page", "title": "about"})).await;
    Publication { editor, succession, hidden }
}

both! {
    async fn nothing_is_shown_without_a_key(app: App) {
        let other = "0123456789abcdef0123456789";
        let app = app.node(|config| config.ghost_content_keys = vec![other.to_owned()]).await;
        let mut reader = app.anyone();
        let key = app.data.secrets.content_key();
        assert!(key.len() == 26 && key.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{key}");
        for good in [key.as_str(), other] {
            reader.get(&format!("/ghost/api/content/posts/?key={good}")).await.expect(200);
        }
        let posts = "/ghost/api/content/posts/";
        for (query, status, kind) in [
            ("", 403, "NoPermissionError"),
            ("?key=", 403, "NoPermissionError"),
            ("?key=x", 401, "UnauthorizedError"),
            ("?key=00000000000000000000000000", 401, "UnauthorizedError"),
            (&format!("?key={key}&key={key}"), 400, "BadRequestError"),
            (&format!("?key[]={key}"), 400, "BadRequestError"),
        ] {
            let refused = reader.get(&format!("{posts}{query}")).await;
            assert_eq!((refused.status, wrong(&refused).1.as_str()), (status, kind), "{query}");
        }
        // An answer that is kept is not for those who show no key either.
        reader.get(posts).await.expect(403);
        let settings = app.admin().get("/v1/admin/settings").await.expect(200).json();
        assert_eq!(settings["ghost_content_key"], key.as_str());
        for path in ["/ghost/api/content/", "/ghost/api/content/users/", "/ghost/api/content/posts/a/b/c"] {
            assert_eq!(wrong(&reader.get(path).await), (404, "NotFoundError".into(), "Resource not found".into()));
        }
    }

    async fn unknown_keys_are_counted(app: App) {
        let mut reader = app.anyone();
        for _ in 0..99 {
            reader.get("/ghost/api/content/posts/?key=x").await.expect(401);
        }
        let refused = reader.get("/ghost/api/content/posts/?key=x").await.expect(429);
        assert_eq!(wrong(&refused).1, "TooManyRequestsError");
        assert!(refused.header("retry-after").is_some());
        Front::of(&app).get("posts/").await.expect(200);
    }

    async fn scripts_of_any_origin_may_read(app: App) {
        let asked = [("origin", "https://front.example"), ("access-control-request-method", "GET"),
            ("access-control-request-headers", "accept-version")];
        let allowed = app.anyone().send(Method::OPTIONS, "/ghost/api/content/posts/", None, &asked).await.expect(204);
        assert_eq!(allowed.header("access-control-allow-origin").as_deref(), Some("*"));
        assert!(allowed.header("access-control-allow-headers").unwrap().contains("Accept-Version"));
        let shown = Front::of(&app).get("settings/").await.expect(200);
        assert_eq!(shown.header("access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(shown.header("content-version").as_deref(), Some("v6.65"));
        assert_eq!(shown.header("vary").as_deref(), Some("Accept-Version, Accept-Encoding"));
        assert_eq!(shown.header("content-type").as_deref(), Some("application/json; charset=utf-8"));
    }

    async fn a_post_looks_as_ghost_shows_it(app: App) {
        let mut editor = publication(&app).await.editor;
        editor.get("/v1/admin/settings").await.expect(200);
        editor.patch("/v1/admin/settings", json!({"timezone": "Europe/Berlin"})).await.expect(200);
        let mut front = Front::of(&app);
        let post = front.get("posts/slug/first/").await.expect(200).json();
        assert!(post.get("meta").is_none());
        let post = &post["posts"][0];
        let html = "<p>About <strong>the First</strong>.</p>\n";
        let expected = json!({
            "id": post["id"], "uuid": post["uuid"], "title": "First", "slug": "first", "html": html,
            "comment_id": post["id"], "feature_image": null, "featured": false, "visibility": "public",
            "created_at": "2026-11-23T10:00:00.000+01:00", "updated_at": "2026-11-23T10:00:00.000+01:00",
            "published_at": "2026-11-23T10:00:00.000+01:00", "custom_excerpt": null, "codeinjection_head": null,
            "codeinjection_foot": null, "custom_template": null, "canonical_url": null,
            "url": "http://cms.example.org/first", "excerpt": "About the First.", "reading_time": 0, "access": true,
            "comments": true, "og_image": null, "og_title": null, "og_description": null, "twitter_image": null,
            "twitter_title": null, "twitter_description": null, "meta_title": null, "meta_description": null,
            "email_subject": null, "frontmatter": null, "feature_image_alt": null, "feature_image_caption": null,
        });
        assert_eq!(*post, expected);
        let id = post["id"].as_str().unwrap();
        assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let again = front.get(&format!("posts/{id}?include=tags,authors,tiers,none")).await.expect(200).json();
        let post = &again["posts"][0];
        assert_eq!(post["title"], "First");
        let tags: Vec<_> = post["tags"].as_array().unwrap().iter().map(|tag| tag["slug"].as_str().unwrap()).collect();
        assert_eq!(tags, ["business-succession", "advice", "hash-letter"]);
        let tag = &post["primary_tag"];
        assert_eq!((&tag["name"], &tag["description"]), (&json!("Business Succession"), &json!("Who takes over.")));
        assert_eq!(tag["url"], "http://cms.example.org/category/business/business-succession");
        assert_eq!((&post["tags"][2]["visibility"], &post["tags"][2]["name"]), (&json!("internal"), &json!("#letter")));
        let author = &post["primary_author"];
        assert_eq!((&author["name"], &author["bio"], &author["website"]), (&json!("Ann"), &json!("Writes."), &json!("https://ann.example/")));
        assert_eq!((&post["authors"][0], author.get("email"), &post["tiers"]), (author, None, &json!([])));
        let chosen = front.get("posts/slug/third?fields=title,url,nothing&include=tags").await.json();
        let chosen = &chosen["posts"][0];
        assert_eq!(chosen.as_object().unwrap().keys().collect::<Vec<_>>(), ["title", "url", "tags", "primary_tag"]);
        // Without a category the first tag is the primary one.
        assert_eq!(chosen["primary_tag"]["slug"], "advice");
        let plain = front.get("posts/slug/third?formats=plaintext").await.json();
        assert_eq!((&plain["posts"][0]["plaintext"], plain["posts"][0].get("html")), (&json!("About the Third."), None));
        let both = front.get("posts/slug/third?formats=html,plaintext,lexical").await.json();
        assert!(both["posts"][0]["html"].is_string() && both["posts"][0]["plaintext"].is_string());
        let excerpt = front.get("posts/slug/third?fields=excerpt").await.json();
        assert_eq!(excerpt["posts"][0], json!({"excerpt": "About the Third."}));
        let page = front.get("pages/slug/about/").await.expect(200).json();
        assert!(page["pages"][0].get("email_subject").is_none());
        assert_eq!(page["pages"][0]["show_title_and_feature_image"], true);
        front.get("posts/slug/about/").await.expect(404);
    }

    async fn lists_are_filtered_and_sorted_as_ghost_does(app: App) {
        publication(&app).await;
        let mut front = Front::of(&app);
        let id = front.get("posts/slug/second/").await.json()["posts"][0]["id"].as_str().unwrap().to_owned();
        for (query, expected) in [
            ("", vec!["third", "second", "first"]),
            ("limit=2", vec!["third", "second"]),
            ("limit=2&page=2", vec!["first"]),
            ("page=9", vec![]),
            ("limit=all&page=0", vec!["third", "second", "first"]),
            ("order=published_at asc", vec!["first", "second", "third"]),
            ("order=title ASC, nothing desc", vec!["first", "second", "third"]),
            ("order=featured desc,slug asc", vec!["second", "first", "third"]),
            ("order=title", vec!["third", "second", "first"]),
            ("filter=tag:business-succession", vec!["second", "first"]),
            ("filter=tag:business-succession%2Bfeatured:true", vec!["second"]),
            ("filter=tag:business-succession+featured:true", vec!["second"]),
            ("filter=tag:-business-succession", vec!["third"]),
            ("filter=tags:[business,hash-letter]", vec!["second", "first"]),
            ("filter=tags.visibility:internal", vec!["first"]),
            ("filter=tags.name:~'SUCC'", vec!["second", "first"]),
            ("filter=tag:none", vec![]),
            ("filter=primary_tag:business", vec!["second"]),
            ("filter=primary_tag:business-succession", vec!["first"]),
            ("filter=primary_tag:-business-succession", vec!["third", "second"]),
            ("filter=primary_tag:advice", vec!["third"]),
            ("filter=primary_tag:hash-letter", vec![]),
            ("filter=author:ann", vec!["third", "second", "first"]),
            ("filter=primary_author:ann", vec!["third", "first"]),
            ("filter=author:bob,slug:third", vec!["third", "second"]),
            ("filter=featured:false", vec!["third", "first"]),
            ("filter=featured:-true", vec!["third", "first"]),
            ("filter=visibility:public", vec!["third", "second", "first"]),
            ("filter=visibility:[members,paid]", vec![]),
            ("filter=title:~'IR'", vec!["third", "first"]),
            ("filter=title:~^'Fi'", vec!["first"]),
            ("filter=title:-~$'d'", vec!["first"]),
            ("filter=title:~'%25'", vec![]),
            ("filter=feature_image:null", vec!["third", "second", "first"]),
            ("filter=feature_image:-null", vec![]),
            ("filter=published_at:>'2026-11-23 09:00:30'%2Bpublished_at:<=2026-11-23T09\\:01\\:00Z", vec!["second"]),
            ("filter=published_at:>now-130s", vec!["third", "second"]),
            ("filter=published_at:<now-1y", vec![]),
            ("filter=published_at:-null", vec!["third", "second", "first"]),
            ("filter=slug:[first,third]", vec!["first", "third"]),
            ("filter=slug:[first,third]%2Btag:advice&limit=1&page=2", vec!["third"]),
            ("filter=slug:[first,third]&order=published_at desc", vec!["third", "first"]),
            ("filter=slug:-[first,third]", vec!["second"]),
            (&format!("filter=id:-{id}"), vec!["third", "first"]),
            (&format!("filter=id:[{id},000000000000000000000000]"), vec!["second"]),
            // What Ghost keeps to itself is passed over.
            ("filter=status:draft", vec!["third", "second", "first"]),
            ("filter=status:draft%2Bfeatured:true", vec!["second"]),
            ("filter=authors.email:~'a',email:x", vec!["third", "second", "first"]),
            ("include=nothing&fields=nothing,slug&order=html desc&unknown=1", vec!["third", "second", "first"]),
        ] {
            let reply = front.get(&format!("posts/?{query}")).await.expect(200);
            assert_eq!(slugs(&reply.json()), expected, "{query}");
            assert!(reply.json()["meta"]["pagination"]["pages"].is_number());
        }
        assert_eq!(front.slugs("pages/").await, ["about", "zebras"]);
        let one = front.get("posts/?filter=slug:first").await.json();
        let pagination = json!({"page": 1, "limit": 15, "pages": 1, "total": 1, "next": null, "prev": null});
        assert_eq!((one["posts"].as_array().unwrap().len(), &one["meta"]["pagination"]), (1, &pagination));
        let second = front.get("posts/?limit=1&page=2").await.json();
        let pagination = json!({"page": 2, "limit": 1, "pages": 3, "total": 3, "next": 3, "prev": 1});
        assert_eq!(second["meta"]["pagination"], pagination);
    }

    async fn what_is_wrong_is_said_in_ghosts_words(app: App) {
        publication(&app).await;
        let mut front = Front::of(&app);
        for (path, status, kind, said) in [
            ("posts/slug/none/", 404, "NotFoundError", "Post not found."),
            ("posts/slug/a-draft/", 404, "NotFoundError", "Post not found."),
            ("pages/slug/first/", 404, "NotFoundError", "Page not found."),
            ("posts/000000000000000000000000/", 404, "NotFoundError", "Post not found."),
            ("posts/1/", 422, "ValidationError", "Validation (matches) failed for id"),
            ("posts/slug/a%20b/", 422, "ValidationError", "Validation (isSlug) failed for slug"),
            ("posts/slug/%ff/", 404, "NotFoundError", "Post not found."),
            ("posts/?limit=-1", 422, "ValidationError", "Validation (matches) failed for limit"),
            ("posts/?page=abc", 422, "ValidationError", "Validation (matches) failed for page"),
            ("posts/?order=a;b", 422, "ValidationError", "Validation (matches) failed for order"),
            ("posts/?formats=pdf", 422, "ValidationError", "Validation (AllowedValues) failed for formats"),
            ("posts/?include=", 400, "IncorrectUsageError", "Expected a value for include."),
            ("posts/?filter=password:x", 400, "BadRequestError", "Query Error: unknown field in filter: password"),
            ("posts/?filter=created_by:1", 400, "BadRequestError", "Query Error: unknown field in filter: created_by"),
            ("posts/?filter=published_at:>soon", 400, "BadRequestError",
                "Query Error: published_at takes times, such as '2026-11-22 10:00:00' or now-30d"),
            ("posts/?filter=published_at:>now-999999y", 400, "BadRequestError",
                "Query Error: published_at takes times, such as '2026-11-22 10:00:00' or now-30d"),
            ("posts/?filter=tag:null", 400, "BadRequestError", "Query Error: tag takes texts"),
            ("posts/?filter=title:>a", 400, "BadRequestError", "Query Error: title takes texts, or null alone"),
            ("posts/?filter=((", 400, "BadRequestError",
                "Query Error: the filter is not understood, or holds too much, at character 3"),
            ("tags/?filter=name:(", 400, "BadRequestError",
                "Query Error: the filter is not understood, or holds too much, at character 6"),
            ("tags/slug/unused/", 404, "NotFoundError", "Tag not found."),
            ("authors/slug/silent/", 404, "NotFoundError", "Author not found."),
            ("offers/000000000000000000000000/", 404, "NotFoundError", "Offer not found."),
        ] {
            assert_eq!(wrong(&front.get(path).await), (status, kind.to_owned(), said.to_owned()), "{path}");
        }
        let error = front.get("posts/slug/none/").await.json()["errors"][0].clone();
        assert_eq!(error["message"], "Resource not found error, cannot read post.");
        assert_eq!(front.get("tags/?page=x").await.json()["errors"][0]["property"], "page");
    }

    async fn nothing_that_is_asked_makes_it_fail(app: App) {
        publication(&app).await;
        let mut front = Front::of(&app);
        let name = "(tag|primary_tag|tags\\.name|author|primary_author|slug|title|visibility|meta_title|email|x)";
        let text = "(true|first|advice|'[ -~ä\u{1f600}]{0,8}'|0{24}|[a-z%_]{1,4})";
        let at = "(null|now-1d|now\\+9M|'2026-11-23'|2026-11-23)";
        let term = format!(
            "\\(?({name}:-?(~\\^|~\\$|~|){text}|{name}:-?\\[{text}(,{text}){{0,2}}\\]|published_at:-?(>|<|>=|<=){at}|id:{text})\\)?"
        );
        let filter = format!("{term}([+, ]{term}){{0,2}}");
        let rule = "(title|slug|published_at|featured|meta_title|id|count\\.posts|x) (asc|desc|up)";
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut any = |pattern: &str| {
            use proptest::strategy::{Strategy as _, ValueTree as _};
            let text = proptest::string::string_regex(pattern).unwrap().new_tree(&mut runner).unwrap().current();
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
        };
        let (mut found, mut refused) = (0, 0);
        for _ in 0..400 {
            let (list, written) = (any("(posts|pages|tags|authors)"), any(&filter));
            let order = any(&format!("{rule}(, {rule})?"));
            let more = any("(tags|authors|count.posts|tiers|x)(,(tags|authors))?");
            let path = format!("{list}/?filter={written}&order={order}&include={more}&fields={more}");
            let reply = front.get(&path).await;
            assert!([200, 400].contains(&reply.status), "{path}: {} {}", reply.status, reply.text());
            found += u32::from(reply.status == 200);
            let garbage = any("[ -~ä\u{0}\u{1f600}]{0,30}");
            for name in ["filter", "order", "include", "fields", "formats", "limit", "page"] {
                let reply = front.get(&format!("{list}/?{name}={garbage}")).await;
                assert!([200, 400, 422].contains(&reply.status), "{name}={garbage}: {}", reply.text());
                refused += u32::from(reply.status != 200);
            }
            let reply = front.get(&format!("{list}/slug/{garbage}/")).await;
            assert!([200, 404, 422].contains(&reply.status), "{garbage}: {}", reply.text());
        }
        assert!(found > 40 && refused > 400, "{found} {refused}");
    }

    async fn tags_authors_and_the_rest_are_there(app: App) {
        let mut publication = publication(&app).await;
        let mut front = Front::of(&app);
        assert_eq!(front.slugs("tags/").await, ["hash-letter", "advice", "business", "business-succession"]);
        for (query, expected) in [
            ("filter=visibility:public", vec!["advice", "business", "business-succession"]),
            ("include=count.posts&order=count.posts desc,slug desc", vec!["advice", "business-succession", "hash-letter", "business"]),
            ("order=slug desc&limit=1&page=2", vec!["business-succession"]),
            ("filter=slug:[advice,business],name:~^'%23'%2Bvisibility:internal", vec!["hash-letter", "advice", "business"]),
            ("filter=created_at:x", vec!["hash-letter", "advice", "business", "business-succession"]),
        ] {
            assert_eq!(front.slugs(&format!("tags/?{query}")).await, expected, "{query}");
        }
        let tag = front.get("tags/slug/business-succession?include=count.posts").await.expect(200).json();
        assert_eq!(tag["tags"][0]["count"], json!({"posts": 2}));
        let by_id = front.get(&format!("tags/{}/?fields=name", tag["tags"][0]["id"].as_str().unwrap())).await.json();
        assert_eq!(by_id, json!({"tags": [{"name": "Business Succession"}]}));
        assert_eq!(front.slugs("authors").await, ["ann", "bob"]);
        let author = front.get("authors/slug/ann/?include=count.posts").await.expect(200).json();
        assert_eq!((&author["authors"][0]["count"]["posts"], &author["authors"][0]["url"]), (&json!(3), &json!("http://cms.example.org/author/ann")));
        let settings = front.get("settings/").await.expect(200).json();
        assert_eq!((&settings["settings"]["title"], &settings["settings"]["url"]), (&json!("Untitled publication"), &json!("http://cms.example.org/")));
        assert_eq!(front.get("tiers/").await.expect(200).json()["tiers"][0]["type"], "free");
        for name in ["newsletters", "recommendations"] {
            let none = front.get(&format!("{name}/")).await.expect(200).json();
            assert_eq!((&none[name], &none["meta"]["pagination"]["total"]), (&json!([]), &json!(0)));
        }
        let index = front.get("search-index/posts/").await.expect(200).json();
        assert_eq!((slugs(&index), index.get("meta")), (vec!["third".into(), "second".into(), "first".into()], None));
        assert_eq!(front.slugs("search-index/tags/").await, ["business", "business-succession", "advice"]);
        assert_eq!(front.slugs("search-index/authors/").await, ["ann", "bob"]);
        for version in ["v2", "v3", "v4", "canary"] {
            let old = front.0.get(&format!("/ghost/api/{version}/content/tags/?key={}", front.1)).await.expect(200);
            assert_eq!(slugs(&old.json()).len(), 4);
            assert_eq!(old.header("deprecation").unwrap(), format!("version=\"{version}\""));
            assert_eq!(old.header("link").unwrap(), "<http://cms.example.org/ghost/api/content/tags/>; rel=\"latest-version\"");
        }
        // A tag that has the slug of a category: the category stands behind its parent.
        make(&mut publication.editor, "tags", json!({"name": "Takeovers", "slug": "business-succession"})).await;
        let tags = front.get("posts/slug/first/?include=tags").await.json();
        assert_eq!(tags["posts"][0]["primary_tag"]["slug"], "business-business-succession");
        assert_eq!(front.slugs("posts/?filter=tag:business-business-succession").await, ["second", "first"]);
        assert_eq!(front.slugs("posts/?filter=tag:business-succession").await, [""; 0]);
    }

    async fn the_public_gets_what_stands_before_the_paywall(app: App) {
        let mut editor = app.admin();
        let write = json!({"title": "Paid", "visibility": "paid", "excerpt": "Buy it.", "body_format": "html",
            "body": "<p>For all.</p><!--members-only--><p>For some.</p>"});
        publish(&mut editor, write).await;
        publish(&mut editor, json!({"title": "Members", "visibility": "members", "body": "For some."})).await;
        let mut front = Front::of(&app);
        let paid = front.get("posts/slug/paid/?formats=html,plaintext").await.expect(200);
        assert!(!paid.text().contains("For some"));
        let paid = &paid.json()["posts"][0];
        assert_eq!((&paid["access"], &paid["comments"], &paid["visibility"]), (&json!(false), &json!(false), &json!("paid")));
        assert_eq!((&paid["html"], &paid["custom_excerpt"]), (&json!("<p>For all.</p>"), &json!("Buy it.")));
        let members = &front.get("posts/slug/members/?formats=html,plaintext").await.json()["posts"][0];
        assert_eq!((&members["html"], &members["plaintext"], &members["excerpt"]), (&json!(""), &json!(""), &json!("")));
        assert!(members.get("reading_time").is_none());
        assert_eq!(front.slugs("posts/?filter=visibility:paid").await, ["paid"]);
    }

    async fn what_is_kept_is_dropped_by_what_alters_it(app: App) {
        let Publication { mut editor, succession, hidden } = publication(&app).await;
        let mut front = Front::of(&app);
        let all = ["posts/slug/first/?include=tags,authors", "posts/slug/third/", "posts/?limit=1&page=3", "posts/?filter=tag:business",
            "posts/?filter=featured:true", "tags/", "authors/", "settings/", "pages/"];
        let mut dropped = async |what: &str, expected: &[&str]| {
            let mut missed = Vec::new();
            for path in all {
                let reply = front.get(path).await.expect(200);
                let status = reply.header("cache-status").unwrap();
                if !status.starts_with("Byline; hit") {
                    missed.push(path);
                }
            }
            assert_eq!(missed, expected, "{what}");
        };
        dropped("the first time", &all).await;
        dropped("nothing happened", &[]).await;
        publish(&mut editor, json!({"title": "Fourth", "category_ids": [succession]})).await;
        dropped("an article in a category", &["posts/?limit=1&page=3", "posts/?filter=featured:true", "tags/"]).await;
        let category = format!("/v1/admin/categories/{succession}");
        editor.get(&category).await.expect(200);
        editor.patch(&category, json!({"description": "Who comes next."})).await.expect(200);
        dropped("a description", &["posts/slug/first/?include=tags,authors", "tags/"]).await;
        make(&mut editor, "tags", json!({"name": "Another"})).await;
        dropped("a tag that nothing has", &["posts/?filter=tag:business", "tags/"]).await;
        make(&mut editor, "tags", json!({"name": "Succession", "slug": "business-succession"})).await;
        dropped("a tag with the slug of a category",
            &["posts/slug/first/?include=tags,authors", "posts/?filter=tag:business", "tags/"]).await;
        let tag = format!("/v1/admin/tags/{hidden}");
        editor.get(&tag).await.expect(200);
        editor.patch(&tag, json!({"name": "#letters"})).await.expect(200);
        dropped("an internal tag", &["posts/slug/first/?include=tags,authors", "posts/?filter=tag:business", "tags/"]).await;
        let id = app.anyone().get("/v1/articles/third").await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/admin/articles/{id}");
        editor.get(&path).await.expect(200);
        editor.patch(&path, json!({"comments": "closed"})).await.expect(200);
        dropped("closed comments", &["posts/slug/third/"]).await;
        // What depends on the present is kept for nobody.
        let mut front = Front::of(&app);
        let recent = front.get("posts/?filter=published_at:>now-1d").await.expect(200);
        assert!(recent.header("cache-status").is_none() && recent.header("etag").is_some());
        app.pass(86_400);
        assert_eq!(front.slugs("posts/?filter=published_at:>now-1d").await, [""; 0]);
    }
}

both! {
    async fn a_rename_is_seen_where_nothing_else_is_read_after_it(app: App) {
        let Publication { mut editor, succession, .. } = publication(&app).await;
        let mut front = Front::of(&app);
        // From here on small forms are kept in memory.
        app.anyone().get("/v1/articles/first").await.expect(200);
        let category = format!("/v1/admin/categories/{succession}");
        editor.get("/v1/admin/settings").await.expect(200);
        editor.patch("/v1/admin/settings", json!({"permalink": "/{category}/{slug}"})).await.expect(200);
        app.anyone().get("/v1/articles/first").await.expect(200);
        editor.get(&category).await.expect(200);
        editor.patch(&category, json!({"slug": "handover"})).await.expect(200);
        let post = front.get("posts/slug/first/?fields=url").await.expect(200).json();
        assert_eq!(post["posts"][0]["url"], "http://cms.example.org/business/handover/first");
        let id = app.data.db.read_blocking(|conn| persistence::wordpress::numbers_of(conn, vec![succession.clone()])).unwrap();
        let posts = app.anyone().get(&format!("/wp-json/wp/v2/posts?categories={}", id[&succession])).await.expect(200).json();
        assert_eq!(posts[1]["link"], "http://cms.example.org/business/handover/first");
    }
}

#[actix_web::test]
async fn it_can_be_switched_off() {
    let app = App::start_with(crate::support::Engine::Sqlite, |config| config.ghost = false).await;
    Front::of(&app).get("posts/").await.expect(404);
    app.anyone().get("/ghost/api/v4/content/posts/").await.expect(404);
}

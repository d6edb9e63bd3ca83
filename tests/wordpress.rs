//! WordPress's API: what front ends that were written for WordPress get.

use serde_json::{Value, json};

use crate::support::{App, Caller, Reply, both};

/// A small publication: three articles in a tree of categories, a page below a page, a comment.
async fn publication(app: &App) -> (Caller, String) {
    let mut editor = app.admin();
    let category = |name: &str, parent: Option<String>| json!({"name": name, "parent_id": parent});
    let business = editor.post("/v1/admin/categories", category("Business & Money", None)).await.expect(201).id();
    let succession = category("Business Succession", Some(business.clone()));
    let succession = editor.post("/v1/admin/categories", succession).await.expect(201).id();
    let tag = editor.post("/v1/admin/tags", json!({"name": "Advice"})).await.expect(201).id();
    let byline = json!({"name": "Ann", "bio": "Writes."});
    let ann = editor.post("/v1/admin/bylines", byline).await.expect(201).id();
    editor.post("/v1/admin/bylines", json!({"name": "Silent"})).await.expect(201);
    for (title, categories, tags) in [
        ("First <one>", vec![&succession], vec![&tag]),
        ("Second", vec![&business], vec![]),
        ("Third", vec![&succession], vec![]),
    ] {
        let body = json!({
            "title": title, "body": format!("About the {title}."), "category_ids": categories, "tag_ids": tags,
            "byline_ids": [ann], "featured": title == "Second",
        });
        publish(&mut editor, body).await;
        app.pass(60);
    }
    editor.post("/v1/admin/articles", json!({"title": "A draft"})).await.expect(201);
    let about = publish(&mut editor, json!({"kind": "page", "title": "About"})).await;
    publish(&mut editor, json!({"kind": "page", "title": "Team", "parent_id": about})).await;
    (editor, succession)
}

async fn publish(editor: &mut Caller, body: Value) -> String {
    let made = editor.post("/v1/admin/articles", body).await.expect(201);
    let path = made.header("location").unwrap();
    editor.act(&format!("{path}/publish")).await.expect(200);
    made.id()
}

/// Leaves a comment on the first post, or a reply, and approves it.
async fn comment(reader: &mut Caller, editor: &mut Caller, parent: i64, name: &str) {
    let sent = json!({"post": 1, "parent": parent, "author_name": name, "author_email": format!("{name}@example.org"),
        "content": format!("{name} thanks you.")});
    reader.post("/wp-json/wp/v2/comments", sent).await.expect(201);
    let queue = editor.get("/v1/admin/comments?status=pending").await.expect(200).json();
    let path = format!("/v1/admin/comments/{}", queue["data"][0]["id"].as_str().unwrap());
    editor.get(&path).await.expect(200);
    editor.post(&format!("{path}/transitions"), json!({"to": "approved"})).await.expect(200);
}

/// The numbers of what a list holds.
fn ids(reply: &Reply) -> Vec<i64> {
    reply.json().as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

fn counted(reply: &Reply) -> (String, String) {
    (reply.header("x-wp-total").unwrap(), reply.header("x-wp-totalpages").unwrap())
}

both! {
    async fn posts_are_listed_by_pages_that_are_counted(app: App) {
        publication(&app).await;
        let mut reader = app.anyone();
        let first = reader.get("/wp-json/wp/v2/posts?per_page=2").await.expect(200);
        assert_eq!((ids(&first), counted(&first)), (vec![3, 2], ("3".into(), "2".into())));
        let link = first.header("link").unwrap();
        assert!(link.contains("<http://cms.example.org/wp-json/>; rel=\"https://api.w.org/\""), "{link}");
        let next = "<http://cms.example.org/wp-json/wp/v2/posts?per_page=2&page=2>; rel=\"next\"";
        assert!(link.contains(next) && !link.contains("prev"), "{link}");
        assert_eq!(first.header("content-type").unwrap(), "application/json; charset=UTF-8");
        assert_eq!(first.header("access-control-allow-origin").unwrap(), "*");
        assert_eq!(first.header("x-robots-tag").unwrap(), "noindex");
        let second = reader.get("/wp-json/wp/v2/posts?per_page=2&page=2").await.expect(200);
        assert_eq!(ids(&second), [1]);
        assert!(second.header("link").unwrap().contains("page=1>; rel=\"prev\""));
        let out = reader.get("/wp-json/wp/v2/posts?page=9").await.expect(400).json();
        assert_eq!((&out["code"], &out["data"]["status"]), (&json!("rest_post_invalid_page_number"), &json!(400)));
        for path in ["/?rest_route=/wp/v2/posts&per_page=2", "/?rest_route=%2Fwp%2Fv2%2Fposts&per_page=2"] {
            assert_eq!(ids(&reader.get(path).await.expect(200)), [3, 2], "{path}");
        }
        let enveloped = reader.get("/wp-json/wp/v2/posts?page=9&_envelope").await.expect(200).json();
        assert_eq!((&enveloped["status"], &enveloped["body"]["code"]), (&json!(400), &json!("rest_post_invalid_page_number")));
        let enveloped = reader.get("/wp-json/wp/v2/posts?_envelope=1").await.expect(200).json();
        assert_eq!(enveloped["headers"]["X-WP-Total"], 3);
    }

    async fn a_post_looks_as_wordpress_shows_it(app: App) {
        publication(&app).await;
        let mut reader = app.anyone();
        let post = reader.get("/wp-json/wp/v2/posts/1").await.expect(200);
        assert!(post.header("link").unwrap().contains("rel=\"alternate\"; type=text/html"));
        let post = post.json();
        let expected = json!({
            "id": 1, "date": "2026-11-23T09:00:00", "date_gmt": "2026-11-23T09:00:00",
            "guid": {"rendered": "http://cms.example.org/?p=1"}, "modified": "2026-11-23T09:00:00",
            "modified_gmt": "2026-11-23T09:00:00", "slug": "first-one", "status": "publish", "type": "post",
            "link": "http://cms.example.org/first-one", "title": {"rendered": "First &lt;one&gt;"},
            "content": {"rendered": post["content"]["rendered"], "protected": false},
            "excerpt": {"rendered": post["excerpt"]["rendered"], "protected": false},
            "author": 1, "featured_media": 0, "comment_status": "open", "ping_status": "closed", "sticky": false,
            "template": "", "format": "standard", "meta": [], "categories": [2], "tags": [3],
            "class_list": ["post-1", "post", "type-post", "status-publish", "format-standard", "hentry",
                "category-business-succession", "tag-advice"],
            "_links": post["_links"],
        });
        assert_eq!(post, expected);
        assert_eq!(post["_links"]["self"][0]["href"], "http://cms.example.org/wp-json/wp/v2/posts/1");
        assert_eq!(post["_links"]["wp:term"][1]["taxonomy"], "post_tag");
        let chosen = reader.get("/wp-json/wp/v2/posts/1?_fields=id,title.rendered").await.json();
        assert_eq!(chosen, json!({"id": 1, "title": {"rendered": "First &lt;one&gt;"}}));
        let embedded = reader.get("/wp-json/wp/v2/posts/1?context=embed").await.json();
        assert!(embedded.get("content").is_none() && embedded["title"]["rendered"].is_string());
        let whole = reader.get("/wp-json/wp/v2/posts/1?_embed=1").await.json();
        assert_eq!(whole["_embedded"]["author"][0]["name"], "Ann");
        assert_eq!(whole["_embedded"]["wp:term"][0][0]["slug"], "business-succession");
        assert!(whole["_embedded"].get("replies").is_none());
        let some = reader.get("/wp-json/wp/v2/posts/1?_embed=author").await.json();
        assert!(some["_embedded"].get("wp:term").is_none());
        let page = reader.get("/wp-json/wp/v2/pages?slug=team").await.expect(200).json();
        assert_eq!((&page[0]["parent"], &page[0]["link"]), (&json!(5), &json!("http://cms.example.org/about/team")));
        assert!(page[0].get("categories").is_none());
    }

    async fn posts_are_filtered_and_sorted_as_wordpress_does(app: App) {
        publication(&app).await;
        let mut reader = app.anyone();
        for (query, found) in [
            ("categories=2", vec![3, 1]),
            ("categories[]=2&categories[]=1", vec![3, 2, 1]),
            ("categories=1&categories[include_children]=true", vec![2]),
            ("categories[terms]=1&categories[include_children]=true", vec![3, 2, 1]),
            ("categories=2&tags_exclude=3", vec![3]),
            ("categories_exclude=2", vec![2]),
            ("tags=3", vec![1]),
            ("tags=3&categories=1&tax_relation=OR", vec![2, 1]),
            ("tags=3&categories=1", vec![]),
            ("author=1", vec![3, 2, 1]),
            ("author=2", vec![]),
            ("include=3,1&orderby=include", vec![3, 1]),
            ("include=999999", vec![]),
            ("exclude[0]=3", vec![2, 1]),
            ("slug=third,second", vec![3, 2]),
            ("slug[]=second&slug[]=third&orderby=include_slugs", vec![2, 3]),
            ("order=asc", vec![1, 2, 3]),
            ("orderby=title&order=asc", vec![1, 2, 3]),
            ("orderby=id&order=asc", vec![1, 2, 3]),
            ("offset=1", vec![2, 1]),
            ("sticky=true", vec![2]),
            ("sticky=false", vec![3, 1]),
            ("search=second", vec![2]),
            ("after=2026-11-23T09:00:30Z&before=2026-11-23T09:01:30", vec![2]),
            ("filter[s]=ignored&unknown=1", vec![3, 2, 1]),
        ] {
            let reply = reader.get(&format!("/wp-json/wp/v2/posts?{query}")).await.expect(200);
            assert_eq!(ids(&reply), found, "{query}");
        }
        for (path, status, code) in [
            ("posts?per_page=0", 400, "rest_invalid_param"),
            ("posts?per_page=101", 400, "rest_invalid_param"),
            ("posts?order=ASC", 400, "rest_invalid_param"),
            ("posts?status=draft", 400, "rest_invalid_param"),
            ("posts?orderby=relevance", 400, "rest_no_search_term_defined"),
            ("posts?orderby=include", 400, "rest_orderby_include_missing_include"),
            ("posts?context=edit", 401, "rest_forbidden_context"),
            ("posts/0", 404, "rest_post_invalid_id"),
            ("posts/4", 404, "rest_post_invalid_id"),
            ("posts/5", 404, "rest_post_invalid_id"),
            ("posts/-1", 404, "rest_no_route"),
            ("posts/abc", 404, "rest_no_route"),
            ("blocks", 404, "rest_no_route"),
            ("categories/99", 404, "rest_term_invalid"),
            ("comments/99", 404, "rest_comment_invalid_id"),
            ("users/2", 404, "rest_user_invalid_id"),
            ("users/me", 401, "rest_not_logged_in"),
            ("users?who=authors", 401, "rest_forbidden_who"),
            ("comments?author_email=a@b.c", 401, "rest_forbidden_param"),
            ("media/1", 404, "rest_post_invalid_id"),
        ] {
            let reply = reader.get(&format!("/wp-json/wp/v2/{path}")).await.expect(status).json();
            assert_eq!((&reply["code"], &reply["data"]["status"]), (&json!(code), &json!(status)), "{path}");
        }
    }

    async fn terms_users_and_the_index_are_there(app: App) {
        publication(&app).await;
        let mut reader = app.anyone();
        let categories = reader.get("/wp-json/wp/v2/categories").await.expect(200);
        assert_eq!(ids(&categories), [1, 2]);
        let category = &categories.json()[1];
        assert_eq!((&category["count"], &category["parent"]), (&json!(2), &json!(1)));
        assert_eq!(categories.json()[0]["name"], "Business &amp; Money");
        let found = reader.get("/wp-json/wp/v2/categories?slug=business-succession&_embed").await.json();
        assert_eq!(found[0]["_embedded"]["up"][0]["id"], 1);
        for (query, found) in [
            ("categories?parent=0", vec![1]), ("categories?post=1", vec![2]), ("categories?orderby=count&order=desc", vec![2, 1]),
            ("categories?page=5", vec![]), ("tags?hide_empty=true", vec![3]), ("tags?search=adv", vec![3]), ("tags?post=2", vec![]),
            ("users", vec![1]), ("comments", vec![]), ("media", vec![]), ("search?search=second", vec![2]),
            ("search?type=term&search=advice", vec![3]),
        ] {
            assert_eq!(ids(&reader.get(&format!("/wp-json/wp/v2/{query}")).await.expect(200)), found, "{query}");
        }
        for path in ["/wp-json", "/wp-json/", "/?rest_route=/"] {
            let index = reader.get(path).await.expect(200).json();
            assert_eq!(index["namespaces"], json!(["wp/v2"]), "{path}");
            assert!(index["routes"]["/wp/v2/posts/(?P<id>[\\d]+)"]["methods"][0] == "GET");
            assert_eq!(index["routes"]["/"]["_links"]["self"][0]["href"], "http://cms.example.org/wp-json/");
        }
        assert!(reader.get("/").await.expect(200).header("link").unwrap().contains("https://api.w.org/"));
        for path in ["types", "types/post", "taxonomies", "taxonomies/category", "statuses", "statuses/publish"] {
            reader.get(&format!("/wp-json/wp/v2/{path}")).await.expect(200);
        }
        reader.get("/wp-json/wp/v2/types/none").await.expect(404);
    }

    async fn a_comment_goes_the_way_of_all_comments(app: App) {
        let (mut editor, _) = publication(&app).await;
        let mut reader = app.anyone();
        let sent = json!({"post": 1, "author_name": "Ben", "author_email": "ben@example.org", "content": "Thank you."});
        let left = reader.post("/wp-json/wp/v2/comments", sent.clone()).await.expect(201);
        assert_eq!((&left.json()["status"], &left.json()["id"]), (&json!("hold"), &json!(1)));
        assert!(!left.text().contains("ben@example.org"));
        assert_eq!(reader.post("/wp-json/wp/v2/comments", sent).await.expect(409).json()["code"], "comment_duplicate");
        assert_eq!(ids(&reader.get("/wp-json/wp/v2/comments").await.expect(200)), [0; 0]);
        assert!(reader.get("/wp-json/wp/v2/posts?_embed=1").await.json()[2]["_embedded"].get("replies").is_none());
        let queue = editor.get("/v1/admin/comments?status=pending").await.expect(200).json();
        let path = format!("/v1/admin/comments/{}", queue["data"][0]["id"].as_str().unwrap());
        editor.get(&path).await.expect(200);
        editor.post(&format!("{path}/transitions"), json!({"to": "approved"})).await.expect(200);
        let comments = reader.get("/wp-json/wp/v2/comments?post=1").await.expect(200).json();
        assert_eq!((&comments[0]["author_name"], &comments[0]["post"]), (&json!("Ben"), &json!(1)));
        assert_eq!(comments[0]["link"], "http://cms.example.org/first-one#comment-1");
        assert_eq!(ids(&reader.get("/wp-json/wp/v2/comments").await.expect(200)), [1]);
        let posts = reader.get("/wp-json/wp/v2/posts?_embed=1").await.expect(200).json();
        assert_eq!(posts[2]["_embedded"]["replies"][0][0]["author_name"], "Ben");
        for (sent, status, code) in [
            (json!({"post": 99, "author_name": "B", "author_email": "b@example.org", "content": "Hello"}), 403, "rest_comment_invalid_post_id"),
            (json!({"post": 4, "author_name": "B", "author_email": "b@example.org", "content": "Hello"}), 403, "rest_comment_invalid_post_id"),
            (json!({"post": 1, "content": "Hello"}), 400, "rest_comment_author_data_required"),
            (json!({"post": 1, "author_name": "B", "author_email": "b@example.org"}), 400, "rest_comment_content_invalid"),
            (json!({"post": 1, "author_name": "B", "author_email": "none", "content": "Hello"}), 400, "rest_comment_content_invalid"),
        ] {
            app.pass(600);
            let refused = reader.post("/wp-json/wp/v2/comments", sent).await.expect(status).json();
            assert_eq!(refused["code"], code);
        }
        // Whether comments are open is seen at once.
        let post = reader.get("/v1/articles/first-one").await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/admin/articles/{post}");
        editor.get(&path).await.expect(200);
        assert_eq!(reader.get("/wp-json/wp/v2/posts/1").await.json()["comment_status"], "open");
        editor.patch(&path, json!({"comments": "closed"})).await.expect(200);
        assert_eq!(reader.get("/wp-json/wp/v2/posts/1").await.json()["comment_status"], "closed");
        app.pass(3600);
        let sent = json!({"post": 1, "author_name": "C", "author_email": "c@example.org", "content": "Late"});
        assert_eq!(reader.post("/wp-json/wp/v2/comments", sent).await.expect(403).json()["code"], "rest_comment_closed");
    }

    async fn what_is_embedded_looks_as_wordpress_embeds_it(app: App) {
        let (mut editor, succession) = publication(&app).await;
        let categories = editor.get("/v1/categories").await.expect(200).json();
        let business = categories["data"][0]["id"].as_str().unwrap();
        let zeal = editor.post("/v1/admin/tags", json!({"name": "zeal"})).await.expect(201).id();
        let advice = editor.get("/v1/tags").await.expect(200).json()["data"][0]["id"].as_str().unwrap().to_owned();
        let ann = editor.get("/v1/bylines").await.expect(200).json()["data"][0]["id"].as_str().unwrap().to_owned();
        let body = json!({
            "title": "Fourth", "category_ids": [succession, business], "tag_ids": [zeal, advice], "byline_ids": [ann],
        });
        publish(&mut editor, body).await;
        let mut reader = app.anyone();
        let post = &reader.get("/wp-json/wp/v2/posts?slug=fourth&_embed").await.expect(200).json()[0];
        // By name, as WordPress has them, whatever comes first here.
        assert_eq!((&post["categories"], &post["tags"]), (&json!([1, 2]), &json!([3, 4])));
        let classes = json!(["category-business-money", "category-business-succession", "tag-advice", "tag-zeal"]);
        assert_eq!(post["class_list"].as_array().unwrap()[6..], classes.as_array().unwrap()[..]);
        let [above, below] = [0, 1].map(|place| &post["_embedded"]["wp:term"][0][place]);
        assert_eq!((&above["id"], above["_links"].get("up")), (&json!(1), None));
        assert_eq!(below["_links"]["up"][0]["href"], "http://cms.example.org/wp-json/wp/v2/categories/1");
        assert_eq!((below.get("count"), below.get("parent")), (None, None));
        assert_eq!((&post["_embedded"]["author"][0]["name"], post["_embedded"]["author"][0].get("meta")), (&json!("Ann"), None));
        assert_eq!(reader.get("/wp-json/wp/v2/users/1").await.expect(200).json()["meta"], json!([]));
        assert_eq!(reader.get("/wp-json/wp/v2/users/1?context=embed").await.expect(200).json().get("meta"), None);

        comment(&mut reader, &mut editor, 0, "ben").await;
        app.pass(600);
        let alone = reader.get("/wp-json/wp/v2/comments/1").await.expect(200).json();
        assert_eq!((alone["_links"].get("children"), alone["_links"].get("in-reply-to")), (None, None));
        comment(&mut reader, &mut editor, 1, "cleo").await;
        let comments = reader.get("/wp-json/wp/v2/comments?_embed&order=asc").await.expect(200).json();
        let [first, reply] = [0, 1].map(|place| &comments[place]);
        assert_eq!(first["_links"]["children"][0]["href"], "http://cms.example.org/wp-json/wp/v2/comments?parent=1");
        assert_eq!((reply["_links"].get("children"), &reply["parent"]), (None, &json!(1)));
        let parent = &reply["_embedded"]["in-reply-to"][0];
        assert_eq!((&parent["author_name"], parent.get("post")), (&json!("ben"), None));
        assert_eq!(first["_embedded"].get("in-reply-to"), None);
        assert_eq!(reply["_embedded"]["up"][0], reader.get("/wp-json/wp/v2/posts/1?context=embed").await.expect(200).json());
    }

    async fn what_is_kept_is_dropped_by_what_alters_it(app: App) {
        let (mut editor, succession) = publication(&app).await;
        let mut reader = app.anyone();
        let status = |reply: &Reply| reply.header("cache-status").unwrap();
        let path = "/wp-json/wp/v2/posts?per_page=1&_embed=1";
        reader.get(path).await.expect(200);
        let kept = reader.get(&format!("{path}&utm_source=letter")).await.expect(200);
        assert_eq!(status(&kept), "Byline; hit");
        assert!(kept.header("etag").is_some() && kept.header("x-wp-total").is_some());
        publish(&mut editor, json!({"title": "Fourth"})).await;
        let fresh = reader.get(path).await.expect(200);
        assert_eq!((counted(&fresh).0, fresh.json()[0]["title"]["rendered"].clone()), ("4".into(), json!("Fourth")));
        // A page that the new one is not on has another total.
        let last = reader.get("/wp-json/wp/v2/posts?per_page=1&page=4").await.expect(200);
        assert_eq!(ids(&last), [1]);
        let category = format!("/v1/admin/categories/{succession}");
        editor.get(&category).await.expect(200);
        reader.get("/wp-json/wp/v2/posts/1?_embed=1").await.expect(200);
        editor.patch(&category, json!({"name": "Handing over"})).await.expect(200);
        let renamed = reader.get("/wp-json/wp/v2/posts/1?_embed=1").await.expect(200).json();
        assert_eq!(renamed["_embedded"]["wp:term"][0][0]["name"], "Handing over");
        let listed = reader.get("/wp-json/wp/v2/categories").await.expect(200).json();
        assert_eq!(listed[1]["name"], "Handing over");
    }
}

#[actix_web::test]
async fn it_can_be_switched_off() {
    let off = |config: &mut http::Config| config.wordpress = false;
    let app = App::start_with(crate::support::Engine::Sqlite, off).await;
    let mut reader = app.anyone();
    for path in ["/wp-json", "/wp-json/wp/v2/posts"] {
        reader.get(path).await.expect(404);
    }
    assert!(!reader.get("/?rest_route=/").await.expect(200).header("link").unwrap().contains("w.org"));
    reader.post("/wp-json/wp/v2/comments", json!({"post": 1})).await.expect(404);
}

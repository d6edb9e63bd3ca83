//! The publication as WordPress would have it: calls of its own functions, which `wordpress/fill.php` makes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use domain::Timestamp;
use serde_json::{Value, json};

use super::Size;
use super::publication::{Article, Comment, Label, Publication};
use crate::failure::Result;

/// Writes the calls into a file, one a line: the function, its arguments, and the number that it must give. Numbers are
/// those that Byline gives the same things (see `Rows::taxonomy`).
pub fn write_calls(size: Size, file: &Path) -> Result<()> {
    let publication = Publication::new(size.seed, size.articles);
    let mut file = BufWriter::new(File::create(file)?);
    let mut call =
        |function: &str, arguments: Value, number: u64| writeln!(file, "{}", json!([function, arguments, number]));
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    for (number, Label { id, slug, name }) in (1..).zip(&publication.bylines) {
        let user = json!({
            "user_login": slug, "user_nicename": slug, "display_name": name, "user_pass": slug,
            "user_email": format!("{slug}@example.org"), "role": "author",
        });
        call("wp_insert_user", json!([user]), number)?;
        numbers.insert(id, number);
    }
    let mut terms = 1..;
    for (node, number) in publication.categories.iter().zip(&mut terms) {
        let parent = node.parent.map_or(0, |parent| numbers[publication.categories[parent].id.as_str()]);
        let more = json!({"slug": node.slug, "parent": parent});
        call("wp_insert_term", json!([node.name, "category", more]), number)?;
        numbers.insert(&node.id, number);
    }
    for (Label { id, slug, name }, number) in publication.tags.iter().zip(&mut terms) {
        call("wp_insert_term", json!([name, "post_tag", {"slug": slug}]), number)?;
        numbers.insert(id, number);
    }
    let numbers_of = |ids: Vec<String>| ids.iter().map(|id| numbers[id.as_str()]).collect::<Vec<_>>();
    for number in 0..publication.articles {
        let Article { write, published_at, .. } = publication.article(number)?;
        let (bylines, categories, tags) = (write.byline_ids, write.category_ids, write.tag_ids);
        let author = numbers_of(bylines.iter().flatten().map(ToString::to_string).collect());
        let post = json!({
            "import_id": number + 1, "post_status": "publish", "post_name": write.slug, "post_title": write.title,
            "post_content": write.body, "post_date": time(published_at), "post_date_gmt": time(published_at),
            "post_author": author.first(), "comment_status": "open", "ping_status": "closed",
            "post_category": numbers_of(categories.iter().flatten().map(ToString::to_string).collect()),
            "tags_input": numbers_of(tags.iter().flatten().map(ToString::to_string).collect()),
        });
        call("wp_insert_post", json!([post, true]), number + 1)?;
    }
    for number in 0..publication.comments {
        let Comment { article, parent, write, created_at, .. } = publication.comment(number)?;
        let comment = json!({
            "comment_post_ID": article + 1, "comment_parent": parent.map_or(0, |parent| parent + 1),
            "comment_author": write.author_name, "comment_author_email": write.author_email,
            "comment_content": write.body, "comment_date": time(created_at), "comment_date_gmt": time(created_at),
            "comment_approved": 1,
        });
        call("wp_insert_comment", json!([comment]), number + 1)?;
    }
    Ok(file.flush()?)
}

/// A time as WordPress writes it, in UTC.
fn time(at: Timestamp) -> String {
    at.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_after_what_it_refers_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls");
        write_calls(Size { articles: 2, seed: 1 }, &file).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let calls: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |function: &str| calls.iter().filter(|call| call[0] == function).collect::<Vec<_>>();
        assert_eq!(of("wp_insert_user").len(), 20);
        let terms = of("wp_insert_term");
        assert_eq!(terms.len(), 350);
        assert!(terms.iter().all(|call| call[1][2]["parent"].as_u64() < call[2].as_u64()));
        let posts = of("wp_insert_post");
        let shown = |call: &Value| (call[2].clone(), call[1][0]["post_name"].clone());
        assert_eq!(
            posts.iter().map(|call| shown(call)).collect::<Vec<_>>(),
            [(json!(1), json!("story-0000000")), (json!(2), json!("story-0000001"))]
        );
        let comments = of("wp_insert_comment");
        let parents: Vec<_> = comments.iter().map(|call| call[1][0]["comment_parent"].as_u64().unwrap()).collect();
        assert_eq!(parents, [0, 1, 2, 0, 4, 0, 6, 7, 0, 9]);
        assert_eq!(comments[9][1][0]["comment_post_ID"], 2);
        assert_eq!(time(Timestamp::parse("2026-01-01T00:00:00Z").unwrap()), "2026-01-01 00:00:00");
    }
}

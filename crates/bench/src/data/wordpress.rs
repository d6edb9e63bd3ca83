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

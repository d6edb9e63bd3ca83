// The unmodified npm client `wpapi`, both versions, against a running Byline.
// `node wordpress.js http://127.0.0.1:8080` reads the demo publication. `node wordpress.js export FOLDER` writes the export
// of a small WordPress site and its uploads, to be imported; `node wordpress.js http://127.0.0.1:8080 imported` reads that.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

// Numbers of the site that moves in.
const POSTS = Array.from({ length: 25 }, (_, index) => index + 12);
const [DRAFT, PRIVATE, LOCKED, PAGE, PICTURE] = [60, 61, 62, 70, 80];
const OLD = 'https://handover.example';
const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=';

function exported() {
  const element = (name, text) => `<${name}><![CDATA[${text}]]></${name}>`;
  const label = (domain, slug, name) => `<category domain="${domain}" nicename="${slug}"><![CDATA[${name}]]></category>`;
  const day = (number) => new Date(Date.UTC(2020, 0, number, 10)).toISOString().slice(0, 19).replace('T', ' ');
  const item = (id, { slug, kind = 'post', status = 'publish', more = '' }) => [
    '<item>', element('title', `Handover ${id}`), `<link>${OLD}/${slug}/</link>`, element('dc:creator', 'ann'),
    element('content:encoded', `<!-- wp:paragraph -->\n<p>About ${id}.</p>\n<!-- /wp:paragraph -->`),
    element('excerpt:encoded', ''), element('wp:post_id', id), element('wp:post_date', day(id)),
    element('wp:post_date_gmt', day(id)), element('wp:comment_status', 'open'), element('wp:post_name', slug),
    element('wp:status', status), element('wp:post_type', kind), more, '</item>\n',
  ].join('');
  const comment = (id, parent, approved) => [
    '<wp:comment>', element('wp:comment_id', id), element('wp:comment_author', 'Bo'), element('wp:comment_date', day(50)),
    element('wp:comment_date_gmt', day(50)), element('wp:comment_content', `Comment ${id}`),
    element('wp:comment_approved', approved), element('wp:comment_parent', parent), '</wp:comment>',
  ].join('');
  const meta = (key, value) => `<wp:postmeta>${element('wp:meta_key', key)}${element('wp:meta_value', value)}</wp:postmeta>`;
  const [business, succession] = [['business', 'Business'], ['business-succession', 'Business Succession']];
  const posts = POSTS.map((id) => item(id, {
    slug: `handover-${id}`,
    more: label('category', ...(id % 3 ? succession : business)) + (id % 4 ? '' : label('post_tag', 'tax', 'Tax'))
      + (id === 12 ? comment(5, 0, '1') + comment(6, 5, '1') + comment(7, 0, '0') + meta('_thumbnail_id', PICTURE) : ''),
  }));
  const rest = [
    item(DRAFT, { slug: 'a-draft', status: 'draft' }), item(PRIVATE, { slug: 'a-secret', status: 'private' }),
    item(LOCKED, { slug: 'a-lock', more: element('wp:post_password', 'x') }), item(PAGE, { slug: 'about', kind: 'page' }),
    item(PICTURE, {
      slug: 'quay', kind: 'attachment', status: 'inherit',
      more: `<wp:attachment_url>${OLD}/wp-content/uploads/2020/quay.png</wp:attachment_url>`
        + meta('_wp_attachment_image_alt', 'The quay'),
    }),
  ];
  const term = (kind, id, slug, name, parent) => (kind === 'category'
    ? `<wp:category><wp:term_id>${id}</wp:term_id>${element('wp:category_nicename', slug)}${element('wp:category_parent', parent)}${element('wp:cat_name', name)}</wp:category>`
    : `<wp:tag><wp:term_id>${id}</wp:term_id>${element('wp:tag_slug', slug)}${element('wp:tag_name', name)}</wp:tag>`);
  return `<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>Handover</title><link>${OLD}</link><wp:wxr_version>1.2</wp:wxr_version>
<wp:base_site_url>${OLD}</wp:base_site_url><wp:base_blog_url>${OLD}</wp:base_blog_url>
<wp:author><wp:author_id>4</wp:author_id>${element('wp:author_login', 'ann')}${element('wp:author_email', 'ann@example.org')}${element('wp:author_display_name', 'Ann Berger')}</wp:author>
${term('category', 1, ...business, '')}${term('category', 2, ...succession, 'business')}${term('tag', 3, 'tax', 'Tax')}
${[...posts, ...rest].join('')}</channel></rss>
`;
}

const site = process.argv[2];
const endpoint = `${site}/wp-json`;

async function refused(promise, code) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.code, code);
    return error;
  }
  assert.fail(`it was not refused with ${code}`);
}

async function client(name, WPAPI) {
  const wp = new WPAPI({ endpoint });

  const first = await wp.posts().perPage(5).page(1).embed().get();
  assert.equal(first.length, 5);
  assert.ok(first._paging.total > 10 && first._paging.totalPages > 2);
  const second = await wp.posts().perPage(5).page(2).embed().get();
  assert.notEqual(second[0].id, first[0].id);
  assert.ok(second[0]._embedded.author[0].name && second[0]._embedded['wp:term'][0][0].slug);
  const third = await second._paging.next.get();
  assert.ok(third.length > 0 && third.every((post) => !second.some((other) => other.id === post.id)));
  const again = await second._paging.prev.get();
  assert.deepEqual(again.map((post) => post.id), first.map((post) => post.id));

  const [succession] = await wp.categories().slug('business-succession').get();
  assert.equal(succession.slug, 'business-succession');
  const parent = await wp.categories().id(succession.parent).get();
  assert.equal(parent.id, succession.parent);

  const tags = await wp.tags().get();
  const within = await wp.posts().categories([succession.id, parent.id]).excludeTags([tags[0].id]).get();
  assert.ok(within.length > 0);
  assert.ok(within.every((post) => !post.tags.includes(tags[0].id)));
  assert.ok(within.every((post) => [succession.id, parent.id].some((id) => post.categories.includes(id))));

  const headers = await wp.posts().headers();
  assert.ok(Number(headers['x-wp-total']) === first._paging.total);

  const [comment] = await wp.comments().get();
  const below = await wp.comments().forPost(comment.post).get();
  assert.ok(below.some((other) => other.id === comment.id) && below.every((other) => other.post === comment.post));

  const post = await wp.posts().id(first[0].id).get();
  assert.equal(post.title.rendered, first[0].title.rendered);
  assert.equal((await wp.posts().slug(post.slug).get())[0].id, post.id);
  assert.ok((await wp.posts().search('handover').get()).length > 0);
  assert.ok((await wp.posts().before(new Date()).get()).length > 0);
  assert.ok((await wp.users().get()).every((user) => user.slug && !user.email));
  assert.ok((await wp.search().search('handover').get()).length > 0);
  await wp.pages().get();
  await wp.media().get();
  assert.ok((await wp.types().get()).post && (await wp.taxonomies().get()).category && (await wp.statuses().get()).publish);

  assert.equal((await refused(wp.posts().id(99999999).get(), 'rest_post_invalid_id')).data.status, 404);
  assert.equal((await refused(wp.posts().page(9999).get(), 'rest_post_invalid_page_number')).data.status, 400);
  console.log(`${name}: ok`);
}

// What has moved in kept its numbers, and nothing came out that was not public.
async function movedIn(name, WPAPI) {
  const wp = new WPAPI({ endpoint });
  const numbers = (list) => list.map((one) => one.id).sort((one, other) => one - other);

  const all = await wp.posts().perPage(100).get();
  assert.deepEqual([numbers(all), Number(all._paging.total)], [POSTS, POSTS.length]);
  const within = await wp.posts().perPage(100).categories([1, 2]).excludeTags([3]).get();
  assert.deepEqual(numbers(within), POSTS.filter((id) => id % 4));
  assert.deepEqual(numbers(await wp.posts().perPage(100).categories(1).get()), POSTS.filter((id) => id % 3 === 0));

  const below = await wp.comments().forPost(12).get();
  assert.deepEqual([numbers(below), below.find((one) => one.id === 6).parent], [[5, 6], 5]);
  const [author] = await wp.users().get();
  assert.deepEqual([author.id, author.name], [4, 'Ann Berger']);

  const post = await wp.posts().id(12).embed().get();
  assert.deepEqual([post.slug, post.date_gmt, post.content.rendered.trim()], ['handover-12', '2020-01-12T10:00:00', '<p>About 12.</p>']);
  const [picture] = post._embedded['wp:featuredmedia'];
  assert.deepEqual([post.featured_media, picture.id, picture.alt_text], [PICTURE, PICTURE, 'The quay']);
  const whole = await wp.media().id(PICTURE).get();
  assert.equal(whole.media_details.sizes.full.source_url, picture.source_url);
  const bytes = await fetch(picture.source_url);
  assert.deepEqual([bytes.status, Buffer.from(await bytes.arrayBuffer()).toString('base64')], [200, DOT]);
  assert.deepEqual(numbers(await wp.media().get()), [PICTURE]);
  assert.deepEqual(numbers(await wp.pages().get()), [PAGE]);

  for (const hidden of [DRAFT, PRIVATE, LOCKED, PAGE]) {
    await refused(wp.posts().id(hidden).get(), 'rest_post_invalid_id');
  }
  console.log(`${name}, moved in: ok`);
}

async function main() {
  const one = require('wpapi-1');
  const two = require('wpapi-2/superagent');
  await client('wpapi 1.2.2', one);
  const discovered = await one.discover(site);
  assert.equal((await discovered.posts().perPage(1).get()).length, 1);
  console.log('wpapi 1.2.2, discovered: ok');
  await client('wpapi 2.0.0-alpha.1', two);
  if (process.argv[3] === 'imported') {
    await movedIn('wpapi 1.2.2', one);
    await movedIn('wpapi 2.0.0-alpha.1', two);
  }
}

if (process.argv[2] === 'export') {
  const uploads = path.join(process.argv[3], 'uploads', '2020');
  fs.mkdirSync(uploads, { recursive: true });
  fs.writeFileSync(path.join(uploads, 'quay.png'), Buffer.from(DOT, 'base64'));
  fs.writeFileSync(path.join(process.argv[3], 'site.xml'), exported());
} else {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}

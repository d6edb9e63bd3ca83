// The unmodified npm client `wpapi`, both versions, against a running Byline with the demo publication:
// `node wordpress.js http://127.0.0.1:8080`.
'use strict';

const assert = require('node:assert/strict');

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

async function main() {
  const one = require('wpapi-1');
  await client('wpapi 1.2.2', one);
  const discovered = await one.discover(site);
  assert.equal((await discovered.posts().perPage(1).get()).length, 1);
  console.log('wpapi 1.2.2, discovered: ok');
  await client('wpapi 2.0.0-alpha.1', require('wpapi-2/superagent'));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

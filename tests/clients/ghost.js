// The unmodified npm client `@tryghost/content-api` against a running Byline.
// `node ghost.js export` writes the export of a small Ghost site, to be imported; `node ghost.js http://127.0.0.1:8080 KEY`
// reads that site with the client.
'use strict';

const assert = require('node:assert/strict');

const POSTS = 101;
const id = (kind, number) => kind.repeat(12) + String(number).padStart(12, '0');
// How many posts each tag has.
const TAGS = { single: 1, pair: 2, 'business-succession': 16 };

function exported() {
  const numbers = Array.from({ length: POSTS }, (_, index) => index + 1);
  const day = (number) => new Date(Date.UTC(2020, 0, number, 10)).toISOString().slice(0, 19).replace('T', ' ');
  const posts = numbers.map((number) => ({
    id: id('a', number), title: `Post ${number}`, slug: `post-${number}`, status: 'published', visibility: 'public',
    type: 'post', html: `<p>About ${number}.</p>`, featured: number % 4 === 0 ? 1 : 0, created_at: day(number),
    updated_at: day(number), published_at: day(number),
  }));
  posts.push({ ...posts[0], id: id('a', 900), slug: 'a-draft', status: 'draft', published_at: null });
  const names = Object.keys(TAGS);
  const tags = names.map((slug, index) => ({ id: id('b', index + 1), name: slug, slug, visibility: 'public' }));
  const tagged = names.flatMap((slug, index) => numbers.slice(0, TAGS[slug]).map((number) => (
    { post_id: id('a', number), tag_id: id('b', index + 1), sort_order: 2 - index }
  )));
  const users = [{ id: id('c', 1), name: 'Ann Berger', slug: 'ann', email: 'ann@example.org' }];
  const authored = numbers.map((number) => ({ post_id: id('a', number), author_id: id('c', 1), sort_order: 0 }));
  const settings = [{ key: 'title', value: 'The Quay' }, { key: 'timezone', value: 'Europe/Berlin' }];
  const data = { posts, tags, users, settings, posts_tags: tagged, posts_authors: authored };
  return JSON.stringify({ db: [{ meta: { exported_on: 1600000000000, version: '6.65.0' }, data }] });
}

async function refused(promise, name) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.name, name, error);
    return error;
  }
  assert.fail(`it was not refused with ${name}`);
}

async function client(version, url, key) {
  const GhostContentAPI = require('@tryghost/content-api');
  const api = new GhostContentAPI({ url, key, version });

  // However many there are, a list is an array that says so.
  for (const [filter, total] of [['tag:none', 0], ['tag:single', 1], ['tag:pair', 2], ['tag:business-succession', 16], ['', 101]]) {
    const list = await api.posts.browse(filter ? { filter } : {});
    assert.ok(Array.isArray(list) && list.length === Math.min(total, 15), `${filter}: ${list.length}`);
    assert.equal(list.meta.pagination.total, total);
    assert.equal(list.meta.pagination.pages, Math.max(1, Math.ceil(total / 15)));
  }
  const all = await api.posts.browse({ limit: 'all' });
  assert.deepEqual([all.length, all.meta.pagination.limit, all.meta.pagination.next], [100, 100, 2]);
  const [last] = await api.posts.browse({ limit: 100, page: 2 });
  assert.equal(last.slug, 'post-1');

  const found = await api.posts.browse({ filter: 'tag:business-succession+featured:true', include: ['tags', 'authors'] });
  assert.deepEqual(found.map((post) => post.slug), ['post-16', 'post-12', 'post-8', 'post-4']);
  assert.deepEqual([found[0].primary_tag.slug, found[0].primary_author.slug], ['business-succession', 'ann']);
  const ordered = await api.posts.browse({ filter: 'slug:[post-2,post-1]' });
  assert.deepEqual(ordered.map((post) => post.slug), ['post-2', 'post-1']);

  // What came from Ghost keeps its identity.
  const byId = await api.posts.read({ id: id('a', 7) }, { formats: ['html', 'plaintext'] });
  assert.deepEqual([byId.slug, byId.html, byId.plaintext], ['post-7', '<p>About 7.</p>', 'About 7.']);
  assert.equal(byId.published_at, '2020-01-07T11:00:00.000+01:00');
  const bySlug = await api.posts.read({ slug: 'post-7' }, { include: 'tags,authors' });
  assert.deepEqual([bySlug.id, bySlug.tags.length, bySlug.authors[0].name], [id('a', 7), 1, 'Ann Berger']);
  assert.equal(bySlug.meta, undefined);

  assert.equal((await api.tags.read({ slug: 'pair' }, { include: 'count.posts' })).count.posts, 2);
  assert.equal((await api.tags.browse({ limit: 'all' })).length, 3);
  const author = await api.authors.read({ slug: 'ann' });
  assert.ok(author.name === 'Ann Berger' && author.email === undefined);
  assert.equal((await api.authors.browse()).meta.pagination.total, 1);
  assert.equal((await api.pages.browse()).length, 0);
  const settings = await api.settings.browse();
  assert.ok(!Array.isArray(settings) && settings.title === 'The Quay' && Array.isArray(settings.navigation));
  assert.ok(Array.isArray(await api.tiers.browse()) && Array.isArray(await api.newsletters.browse()));

  assert.equal((await refused(api.posts.read({ slug: 'nothing' }), 'NotFoundError')).message, 'Resource not found error, cannot read post.');
  await refused(api.posts.read({ slug: 'a-draft' }), 'NotFoundError');
  await refused(api.posts.browse({ filter: 'tag:(' }), 'BadRequestError');
  await refused(api.posts.browse({ page: 'x' }), 'ValidationError');
  const stranger = new GhostContentAPI({ url, key: '0'.repeat(26), version });
  await refused(stranger.posts.browse(), 'UnauthorizedError');
}

// What a browser does before it lets a script of another origin ask.
async function preflight(url, key) {
  const place = `${url}/ghost/api/content/posts/`;
  const headers = { origin: 'https://front.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'accept-version' };
  const allowed = await fetch(place, { method: 'OPTIONS', headers });
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), '*');
  assert.match(allowed.headers.get('access-control-allow-headers').toLowerCase(), /accept-version/);
  const asked = await fetch(`${place}?key=${key}`, { headers: { origin: 'https://front.example', 'accept-version': 'v6.0' } });
  assert.deepEqual([asked.status, asked.headers.get('access-control-allow-origin')], [200, '*']);
}

async function main([url, key]) {
  for (const version of ['v6.0', 'v5.0', true, 'v4']) {
    await client(version, url, key);
    console.log(`@tryghost/content-api, version ${version}: ok`);
  }
  await preflight(url, key);
  console.log('@tryghost/content-api, from a browser: ok');
}

if (process.argv[2] === 'export') {
  process.stdout.write(exported());
} else {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}

DROP TABLE changes;
DROP TABLE published_slugs;
DROP TABLE published_in;
DROP TABLE published_articles;

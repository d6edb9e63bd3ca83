DROP TABLE gone_names;
DROP TABLE old_shapes;
DROP TABLE redirects;

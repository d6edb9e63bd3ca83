DROP TABLE media_paths;
DROP TABLE media;

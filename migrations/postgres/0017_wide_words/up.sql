-- A row of words stays in one piece as long as it fits a page: what ranks a hit is then read with it, and not put together
-- from four pieces of another table. Rows that are there already stay as they are until they are entered anew;
-- `VACUUM FULL article_words` does it for all.
ALTER TABLE article_words SET (toast_tuple_target = 8160);

ALTER TABLE article_words RESET (toast_tuple_target);

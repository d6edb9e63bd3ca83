-- What was added is what earlier versions leave out of it.
SELECT 1;

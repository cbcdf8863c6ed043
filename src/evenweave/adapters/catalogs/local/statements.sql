-- name: documents
select name, number, digest, document, created from documents where tenant = ? order by sequence

-- name: document
select name, number, digest, document, created from documents where tenant = ? and name = ? and number = ?

-- name: insert
insert into documents (tenant, name, number, digest, document, created) values (?, ?, ?, ?, ?, ?)

-- name: remove
delete from documents where tenant = ? and name = ?

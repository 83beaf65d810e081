// The table that the servers in ../express and ../fastify share: one row per document, its path in a column.
import sqlite from 'node-sqlite3-wasm'

export function openDatabase(file) {
  const db = new sqlite.Database(file)
  db.exec(`CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    file_path TEXT NOT NULL,
    mime_type TEXT
  )`)
  return db
}

export function findDocument(db, id) {
  const row = db.get('SELECT * FROM documents WHERE id = ?', id)
  return row ? { ...row, mime_type: row.mime_type ?? undefined } : undefined
}

/** Answers the id of the new row. */
export function addDocument(db, { projectId, name, filePath, mimeType = null }) {
  const values = [projectId, name, filePath, mimeType]
  const sql = 'INSERT INTO documents (project_id, name, file_path, mime_type) VALUES (?, ?, ?, ?)'
  return db.run(sql, values).lastInsertRowid
}

export function removeDocument(db, id) {
  db.run('DELETE FROM documents WHERE id = ?', id)
}

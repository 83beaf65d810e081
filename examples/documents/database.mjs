// The tables that the servers in ../express and ../fastify share: one row per document, its path in a column.
import sqlite from 'node-sqlite3-wasm'

export function openDatabase(file) {
  const db = new sqlite.Database(file)
  db.exec(`
    CREATE TABLE IF NOT EXISTS milestones (
      id INTEGER PRIMARY KEY,
      project_id INTEGER NOT NULL,
      name TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS documents (
      id INTEGER PRIMARY KEY,
      project_id INTEGER NOT NULL,
      milestone_id INTEGER REFERENCES milestones,
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
export function addDocument(db, { projectId, milestoneId = null, name, filePath, mimeType = null }) {
  const values = [projectId, milestoneId, name, filePath, mimeType]
  const sql = 'INSERT INTO documents (project_id, milestone_id, name, file_path, mime_type) VALUES (?, ?, ?, ?, ?)'
  return db.run(sql, values).lastInsertRowid
}

/** Adds all of them, or none where one cannot be added; answers their ids. */
export function addDocuments(db, documents) {
  db.exec('BEGIN')
  try {
    const ids = documents.map((document) => addDocument(db, document))
    db.exec('COMMIT')
    return ids
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}

export function removeDocument(db, id) {
  db.run('DELETE FROM documents WHERE id = ?', id)
}

export function findMilestone(db, id) {
  return db.get('SELECT * FROM milestones WHERE id = ?', id) ?? undefined
}

/** Answers the id of the new row. */
export function addMilestone(db, { projectId, name }) {
  return db.run('INSERT INTO milestones (project_id, name) VALUES (?, ?)', [projectId, name]).lastInsertRowid
}

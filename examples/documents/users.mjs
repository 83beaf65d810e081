// Who is asking, and what they may see. It stands for your sessions and your own rules.
const users = new Map([
  ['token-of-anna', { name: 'Anna', projects: [7, 8] }],
  ['token-of-ben', { name: 'Ben', projects: [8] }],
])

/** The user behind `Authorization: Bearer <token>`, or undefined. */
export function userOf(headers) {
  return users.get(headers.authorization?.replace(/^Bearer /, ''))
}

export function worksOn(user, projectId) {
  return user.projects.includes(projectId)
}

export function maySee(user, document) {
  return worksOn(user, document.project_id)
}

/** A text with each of the seven lower bits of each of its characters flipped in turn. */
export function* bitFlips(text: string): Generator<string, void, undefined> {
  for (let at = 0; at < text.length; at++) {
    for (let bit = 0; bit < 7; bit++) {
      yield text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1)
    }
  }
}

/** Queries in which one parameter is missing, empty, cut off, longer, there twice or there under another name as well. */
export function otherQueries(search: string, name: string): URLSearchParams[] {
  const changed = (change: (query: URLSearchParams, value: string) => void) => {
    const query = new URLSearchParams(search)
    change(query, query.get(name) ?? '')
    return query
  }
  return [
    changed((query) => query.delete(name)),
    changed((query) => query.set(name, '')),
    changed((query, value) => query.set(name, value.slice(0, -1))),
    changed((query, value) => query.set(name, `${value}0`)),
    changed((query, value) => query.set(name, `0${value}`)),
    changed((query, value) => query.set(name, ` ${value}`)),
    changed((query, value) => query.append(name, value)),
    changed((query) => query.append(name, 'other')),
    changed((query, value) => query.append(name.toUpperCase(), value)),
  ]
}

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import ts from 'typescript'

/** One mention of a module by a file of src/. */
export interface ImportEdge {
  /** The file, relative to src/, with forward slashes. */
  readonly from: string
  readonly line: number
  /** As written; undefined where it is computed. */
  readonly specifier: string | undefined
  /** `value` is bound when the module loads, `dynamic` when the code gets there, `type` leaves no trace at run time. */
  readonly kind: 'value' | 'dynamic' | 'type'
}

/**
 * What each part may import, itself aside. `drivers/*` stands for each driver; no driver sees another. Adapters know their
 * framework by its types alone.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  keys: ['errors'],
  driver: ['errors', 'keys'],
  body: ['errors', 'keys', 'driver'],
  disk: ['errors'],
  outbox: ['errors', 'keys', 'driver', 'body', 'disk'],
  signing: ['errors', 'keys'],
  'drivers/*': ['errors', 'keys', 'driver', 'body', 'disk', 'outbox'],
  store: ['errors', 'keys', 'driver', 'body', 'disk', 'outbox', 'signing', 'drivers/*'],
  http: ['errors', 'keys', 'driver', 'signing', 'store'],
  'adapters/*': ['errors', 'body', 'http', 'adapters/node'],
  // It answers no requests, it takes in files.
  'adapters/multer': ['errors', 'driver', 'store', 'http'],
  otel: ['errors', 'store'],
  testing: ['errors', 'keys', 'driver', 'body', 'disk', 'outbox', 'signing', 'drivers/*', 'store'],
  index: ['errors', 'keys', 'driver', 'body', 'disk', 'outbox', 'signing', 'drivers/*', 'store'],
}

/** All imports of the TypeScript files under `folder`. */
export function readImports(folder: string): ImportEdge[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path) => parseImports(relative(folder, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')))
}

export function parseImports(from: string, text: string): ImportEdge[] {
  const source = ts.createSourceFile(from, text, ts.ScriptTarget.Latest, true)
  const edges: ImportEdge[] = []
  const add = (node: ts.Node, target: ts.Node | undefined, kind: ImportEdge['kind']) => {
    const specifier = target && ts.isStringLiteralLike(target) ? target.text : undefined
    edges.push({ from, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, specifier, kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'value')
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node, node.moduleSpecifier, node.isTypeOnly ? 'type' : 'value')
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'type')
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node, node.moduleReference.expression, node.isTypeOnly ? 'type' : 'value')
    } else if (ts.isCallExpression(node)) {
      if (node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], 'dynamic')
      else if (ts.isIdentifier(node.expression) && node.expression.text === 'require') {
        add(node, node.arguments[0], insideFunction(node) ? 'dynamic' : 'value')
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return edges
}

function insideFunction(node: ts.Node): boolean {
  for (let at = node.parent; at; at = at.parent) if (ts.isFunctionLike(at)) return true
  return false
}

/** Each broken rule as a sentence. `dependencies` are the packages that src/ may use besides the optional peers. */
export function importProblems(edges: readonly ImportEdge[], dependencies: readonly string[]): string[] {
  const problems: string[] = []
  for (const edge of edges) {
    const problem = edgeProblem(edge, dependencies)
    if (problem) problems.push(`${edge.from}:${edge.line} ${problem}`)
  }
  const parts = graph(edges, (file) => partOf(file))
  const files = graph(
    edges.filter(({ kind }) => kind === 'value'),
    (file) => file,
  )
  for (const cycle of [findCycle(parts), findCycle(files)]) {
    if (cycle) problems.push(`import cycle: ${cycle.join(' -> ')}`)
  }
  return problems
}

function edgeProblem({ from, specifier, kind }: ImportEdge, dependencies: readonly string[]): string | undefined {
  const part = partOf(from)
  const rule = MAY_IMPORT[part] ?? MAY_IMPORT[ruleOf(part)]
  if (!rule) return `is in ${part}, a part that no rule covers`
  if (specifier === undefined) {
    return part === 'drivers/s3' ? undefined : 'imports a module whose name is computed'
  }
  if (specifier.startsWith('.')) {
    const target = partOf(resolve(from, specifier))
    if (target === part || rule.includes(target) || rule.includes(ruleOf(target))) return undefined
    return `imports ${target}, which ${part} must not know`
  }
  if (specifier.startsWith('@aws-sdk/') || specifier.startsWith('@smithy/')) {
    if (part !== 'drivers/s3') return `imports ${specifier} outside drivers/s3`
    return kind === 'value'
      ? `imports ${specifier} when it loads: use import type, or import() on first use`
      : undefined
  }
  if (part.startsWith('adapters/') && kind === 'type') return undefined
  // An optional peer: whoever imports this entry point has it.
  if (specifier === '@opentelemetry/api' && part === 'otel') return undefined
  if (specifier.startsWith('node:') || dependencies.includes(specifier)) return undefined
  return `imports ${specifier}, which is no dependency`
}

/** `drivers/s3` for a driver's files, else the first folder, or the name of a file directly in src/. */
function partOf(file: string): string {
  const [first = '', second = ''] = file.split('/')
  return first === 'drivers' || first === 'adapters' ? `${first}/${second}` : first.replace(/\.ts$/, '')
}

const ruleOf = (part: string) => part.replace(/^(drivers|adapters)\/.*/, '$1/*')

const resolve = (from: string, specifier: string) => posix.join(dirname(from), specifier).replace(/\.js$/, '.ts')

function graph(edges: readonly ImportEdge[], nodeOf: (file: string) => string): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>()
  for (const { from, specifier } of edges) {
    if (!specifier?.startsWith('.')) continue
    const node = nodeOf(from)
    const target = nodeOf(resolve(from, specifier))
    if (node !== target) targets.set(node, (targets.get(node) ?? new Set()).add(target))
  }
  return targets
}

function findCycle(targets: Map<string, Set<string>>): string[] | undefined {
  const done = new Set<string>()
  const walk = (node: string, path: readonly string[]): string[] | undefined => {
    const at = path.indexOf(node)
    if (at >= 0) return [...path.slice(at), node]
    if (done.has(node)) return undefined
    for (const next of targets.get(node) ?? []) {
      const cycle = walk(next, [...path, node])
      if (cycle) return cycle
    }
    done.add(node)
    return undefined
  }
  for (const node of targets.keys()) {
    const cycle = walk(node, [])
    if (cycle) return cycle
  }
  return undefined
}

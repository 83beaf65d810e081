// The table of defects, checked before anything is run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** The source with the defect in it. */
export function sabotaged(source, { find, replace }) {
  return source.replace(find, () => replace)
}

/** What is wrong with the table, as sentences: whatever it takes out must be there, and leave what can be compiled. */
export function checkTable(root, defects) {
  return defects.flatMap((defect, index) => {
    const problem = problemOf(root, defect)
    const twice = defects.findIndex(({ name }) => name === defect.name) < index ? ['is in the table twice'] : []
    return [...(problem ? [problem] : []), ...twice].map((text) => `"${defect.name}" ${text}`)
  })
}

function problemOf(root, defect) {
  const path = join(root, defect.file)
  if (!existsSync(path)) return `is about ${defect.file}, which is not there`
  const source = readFileSync(path, 'utf8')
  const times = source.split(defect.find).length - 1
  if (times !== 1) return `takes something out of ${defect.file} that is there ${times} times`
  const broken = sabotaged(source, defect)
  if (broken === source) return 'changes nothing'
  const missing = [defect.tests, defect.long]
    .flatMap((tests) => tests?.files ?? [])
    .find((file) => !existsSync(join(root, file)))
  if (missing) return `names ${missing}, which is not there`
  const { diagnostics } = ts.transpileModule(broken, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const [first] = diagnostics ?? []
  return first && `leaves what does not compile: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`
}

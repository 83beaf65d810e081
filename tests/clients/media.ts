import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.js'

/** Seconds that the film of {@link makeFilm} takes. */
export const filmSeconds = 20

/**
 * An MP4 of some 40 MiB whose index (the moov atom) is at the end, as ffmpeg writes it unless told otherwise. A player
 * must ask for the end first, and then for the place that it wants to show. Noise keeps it large.
 */
export async function makeFilm(folder: string): Promise<Uint8Array> {
  const source = `testsrc2=size=640x360:rate=10:duration=${filmSeconds}`
  const picture = ['-f', 'lavfi', '-i', source, '-vf', 'noise=alls=60:allf=t', '-pix_fmt', 'yuv420p']
  const codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '17', '-g', '10']
  const file = join(folder, 'film.mp4')
  const { code, stderr } = await run('ffmpeg', ['-v', 'error', ...picture, ...codec, file], { cwd: folder })
  if (code !== 0) throw new Error(`ffmpeg made no film: ${stderr}`)
  return readFile(file)
}

/** One page, filled with a colour (red, green, blue from 0 to 1). */
export function makePdf(colour: readonly [number, number, number]): Uint8Array {
  const content = `${colour.join(' ')} rg 0 0 612 792 re f`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]
  let text = '%PDF-1.4\n'
  const offsets = objects.map((object, i) => {
    const offset = text.length
    text += `${i + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`
  const trailer = `trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`
  return Buffer.from(text + table + trailer)
}

/** A picture of 3 x 2 pixels. */
export const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR42mM4IRcFQQxwFgBNqAeBgqnsbwAAAABJRU5ErkJggg==',
  'base64',
)

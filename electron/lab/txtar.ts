/** The txtar format: text files in one file, each under a line `-- name --` (golang.org/x/tools/txtar). */
export interface TxtarFile {
  name: string
  text: string
  /** Line of the archive (from 1) on which the file's text begins. */
  line: number
}

export interface Txtar {
  comment: string
  files: TxtarFile[]
}

const MARKER = /^-- (.+) --\s*$/

export function parseTxtar(text: string): Txtar {
  const archive: Txtar = { comment: '', files: [] }
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  lines.forEach((line, index) => {
    const name = MARKER.exec(line)?.[1]?.trim()
    const current = archive.files.at(-1)
    if (name) archive.files.push({ name, text: '', line: index + 2 })
    else if (current) current.text += line + '\n'
    else archive.comment += line + '\n'
  })
  return archive
}

export function formatTxtar(archive: { comment: string; files: readonly { name: string; text: string }[] }): string {
  return archive.comment + archive.files.map((f) => `-- ${f.name} --\n${f.text}`).join('')
}

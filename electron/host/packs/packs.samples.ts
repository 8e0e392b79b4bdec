import { gzipSync } from 'node:zlib'
import { encodeEntry, endOfArchive, type TarEntry } from '../../shell/coreutils/tar-format.ts'

/** The files of a small lab that has no mistake. */
export function someLab(id: string, change: (yaml: string) => string = (yaml) => yaml): Map<string, string> {
  return new Map([
    ['lab.yaml', change(`id: ${id}
title: The lab ${id}
summary: For the test.
track: Tests
level: beginner
minutes: 5
cluster: {nodes: 2}
steps:
  - title: A Pod
    text: steps/1.md
    checks:
      - {id: made, title: A Pod, kind: resource, resource: pods, name: web, hints: [Make it., kubectl run web --image=nginx], fail: '{found}'}
  - title: A word
    text: steps/1.md
    checks:
      - {id: word, title: A word, kind: quiz, question: Which?, answer: [pod, pods], fail: '{found}'}
finish: Done.
`)],
    ['solution.txtar', '-- 1 --\n$ kubectl run web --image=nginx\npod/web created\n-- 2 --\n# answer word: pod\n'],
    ['steps/1.md', 'Do it.\n'],
    ['wrong.txtar', ''],
  ])
}

export const entry = (name: string, text: string | Uint8Array = '', more: Partial<TarEntry> = {}): TarEntry => ({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, target: '', content: typeof text === 'string' ? Buffer.from(text) : text, ...more })

export const ABOUT = 'format: 1\nid: shop\ntitle: Shop\n'

/** A pack as somebody else's tool would make it. */
export function packOf(entries: readonly TarEntry[], change: (archive: Uint8Array) => Uint8Array = (archive) => archive): Uint8Array {
  const parts = entries.map(encodeEntry)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return gzipSync(change(Buffer.concat([...parts, endOfArchive(length)])))
}

export const entriesOf = (id: string, files: ReadonlyMap<string, string>): TarEntry[] => [...files].map(([name, text]) => entry(`labs/${id}/${name}`, text))

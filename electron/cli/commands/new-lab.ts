import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../arguments.ts'

/** Writes a small lab that passes its own test, for a trainer to change. */
export function newLab(names: readonly string[]): number {
  const [id, ...rest] = names
  if (id === undefined || rest.length > 0 || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(id)) throw new UsageError('lab new: expected one id of lower-case letters, digits and dashes')
  const folder = join(process.cwd(), id)
  if (existsSync(folder)) throw new UsageError(`lab new: "${id}" exists already`)
  for (const [name, text] of Object.entries(files(id))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  process.stdout.write(`${folder}\nTest it with: podhop lab test ${id}\n`)
  return 0
}

const files = (id: string): Record<string, string> => ({
  'lab.yaml': `id: ${id}
title: A first lab
summary: One Pod, and one request to it.
track: My labs
level: beginner
minutes: 5
cluster:
  nodes: 2
  cni: flannel
steps:
  - title: A Pod that answers
    text: steps/1.md
    checks:
      - id: web-running
        title: The Pod web is running
        kind: resource
        resource: pods
        name: web
        where:
          - path: '{.status.phase}'
            equals: Running
        hints:
          - '\`kubectl run\` makes a Pod from an image.'
          - 'kubectl run web --image=nginx'
        fail: 'Not yet: {found}.'
finish: That is all. Now make it yours.
`,
  'steps/1.md': 'Make a Pod named `web` from the image `nginx`:\n\n```console\nkubectl run web --image=nginx\n```\n',
  'solution.txtar': '-- 1 --\n$ kubectl run web --image=nginx\npod/web created\n',
  'wrong.txtar': '-- 1 web-running: another name --\n$ kubectl run wbe --image=nginx\npod/wbe created\n',
})

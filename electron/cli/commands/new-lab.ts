import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../arguments.ts'

/** Writes a small lab that passes its own test, for a trainer to change: in the folder that is named, whose last part is the lab's id. */
export function newLab(names: readonly string[]): number {
  const [path, ...rest] = names
  const id = path === undefined ? '' : basename(path)
  if (path === undefined || rest.length > 0 || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(id)) throw new UsageError('lab new: expected one folder, whose name is an id of lower-case letters, digits and dashes')
  const folder = resolve(path)
  if (existsSync(folder)) throw new UsageError(`lab new: "${path}" exists already`)
  for (const [name, text] of Object.entries(files(id))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  process.stdout.write(`${folder}\nTest it with: podhop lab test ${path}\n`)
  return 0
}

const files = (id: string): Record<string, string> => ({
  'lab.yaml': `id: ${id}
title: A first lab
summary: One Pod that runs a web server.
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

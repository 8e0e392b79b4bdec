import { expect, test } from 'vitest'
import { loadLab } from './load.ts'
import { testLab } from './replay.ts'

const LAB = `
id: silence
title: Silence
summary: A command that says nothing for long.
track: Test
level: beginner
minutes: 5
cluster: {nodes: 2}
steps:
  - title: One
    text: steps/1.md
    checks:
      - {id: file, title: The file is there, kind: file, path: ~/done.txt, contains: '{{here}}', fail: '{found}'}
finish: Done.
`.replace('{{here}}', 'over')

function results(solution: string): string[] {
  const files = new Map([['lab.yaml', LAB], ['steps/1.md', 'Wait.'], ['solution.txtar', `-- 1 --\n${solution}`], ['wrong.txtar', '-- 1 file: nothing --\n$ true\n']])
  const loaded = loadLab('silence', files)
  if (!('lab' in loaded)) throw new Error(JSON.stringify(loaded))
  return [...testLab(loaded.lab)].map((r) => r.problem ?? 'ok')
}

const WAITS = 'kubectl run slow --image=busybox --restart=Never --command -- sleep 1d; kubectl wait --for=condition=Ready pod/slow --timeout=60s > wait.txt'

test('a command in a Pod that is silent for longer than a moment is waited for', () => {
  expect(results(`$ ${WAITS}\n...\n$ kubectl exec slow -- sleep 40; echo over\nover\n$ echo over > done.txt\n`)).toEqual(['ok', 'ok'])
  expect(results(`$ ${WAITS}\n...\n$ echo over > done.txt\n$ kubectl exec slow -- sleep 40; echo last\nlast\n`), 'the last one, too').toEqual(['ok', 'ok'])
})

test('one that a key ends is not', () => {
  expect(results(`$ ${WAITS}\n...\n$ kubectl exec slow -- sleep 1d\n# wait 3s\n^C\n$ echo over > done.txt\n`)).toEqual(['ok', 'ok'])
})

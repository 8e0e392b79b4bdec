import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubectl } from './find-kubectl.ts'
import { CONFIGURATION_FILES } from './configuration.ts'
import { PARITY_FILES } from './parity.ts'
import { TwoClusters } from './two-clusters.ts'

const REAL = findKubectl()

/** What the lines of corners/ speak of, besides the files of the parity list. */
const FILES: Record<string, string> = {
  'init.yaml': `apiVersion: v1
kind: Pod
metadata: {name: inity, labels: {app: inity}}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: prep, image: busybox, command: [sh, -c, 'echo preparing; echo twice']}
  containers:
  - {name: main, image: busybox, command: [sh, -c, 'echo one; echo two; echo three; sleep 100000']}
  - {name: side, image: busybox, command: [sh, -c, 'echo s1; sleep 100000']}
`,
  'multi.yaml': ['m1', 'm2'].map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: m}}\ndata: {a: b}\n`).join('---\n'),
  'multi1.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m1, labels: {set: m}}\ndata: {a: c}\n',
}

/** Commands whose ages the client reckons, and not the server. */
const AGES_OF_THE_CLIENT = /^(describe|events|get events)/

/** "NAME=value … words and 'words with blanks' <<< input\n" as its parts. */
function parse(line: string): { words: string[]; stdin: string; variables: Record<string, string> } {
  const [command, input] = line.split(' <<< ')
  const variables: Record<string, string> = {}
  const rest = command!.replace(/^((?:[A-Z_]+=\S* )*)/, (all: string) => {
    for (const [, name, value] of all.matchAll(/([A-Z_]+)=(\S*) /g)) variables[name!] = value!
    return ''
  })
  return { words: [...rest.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", '')), stdin: (input ?? '').replaceAll('\\n', '\n'), variables }
}

/** The lines of a file of corners/, told to both kubectls in clusters of their own; "# wait 5" lets five seconds pass. */
export function corners(file: string): void {
  const lines = readFileSync(join(import.meta.dirname, 'corners', `${file}.txt`), 'utf8').split('\n').filter((line) => line !== '')
  describe.skipIf(!REAL)(`kubectl says what kubectl 1.33 says: ${file}`, () => {
    let both: TwoClusters
    beforeAll(async () => {
      both = new TwoClusters(REAL!)
      await both.open()
      for (const [name, content] of Object.entries({ ...PARITY_FILES, ...FILES, ...CONFIGURATION_FILES })) both.write(name, content)
    })
    afterAll(() => both.close())

    it.each(lines.map((line, i): [number, string] => [i + 1, line]))('%i: %s', async (_, line) => {
      const pause = /^# wait (\d+)$/.exec(line)
      if (pause) return both.wait(Number(pause[1]) * 1000)
      const { words, stdin, variables } = parse(line)
      const ages = AGES_OF_THE_CLIENT.test(line)
      // a machine that is busy with other things may take the real one over the edge of a second
      for (let tries = ages ? 3 : 1; ; tries--) {
        const { ours, real } = await (ages ? both.bothWithAges(words) : both.both(words, stdin, variables))
        // descriptions are in words of our own
        if (words[0]!.startsWith('__complete')) for (const said of [ours, real]) said.stdout = said.stdout.replace(/\t.*$/gm, '')
        if (tries > 1 && JSON.stringify(ours) !== JSON.stringify(real)) continue
        expect(ours).toEqual(real)
        return
      }
    })
  })
}

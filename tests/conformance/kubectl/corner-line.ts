import type { Outcome, TwoClusters } from './two-clusters.ts'

/** Commands whose ages the client reckons, and not the server. */
const AGES_OF_THE_CLIENT = /^(describe|events|get events)/

/** The clients themselves find these names. */
const CHANCE = /\b(node-debugger-worker-\d|debugger|kubectl-edit)-(?:[b-df-hj-np-tv-z2-9]{5}\b|\d+)/g

/** "NAME=value … words and 'words with blanks' <<< input\n" as its parts. */
function parse(line: string): { words: string[]; stdin: string; variables: Record<string, string> } {
  const [command, input] = line.split(' <<< ')
  const variables: Record<string, string> = {}
  const rest = command!.replace(/^((?:[A-Z_]+=(?:'[^']*'|\S*) )*)/, (all: string) => {
    for (const [, name, value] of all.matchAll(/([A-Z_]+)=('[^']*'|\S*) /g)) variables[name!] = value!.replaceAll("'", '')
    return ''
  })
  return { words: [...rest.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", '')), stdin: (input ?? '').replaceAll('\\n', '\n'), variables }
}

/** What both kubectls say to a line of corners/; "# wait 5" lets five seconds pass in both clusters, "# unplug" takes their API servers away. */
export async function tellBoth(both: TwoClusters, line: string): Promise<{ ours: Outcome; real: Outcome } | undefined> {
  const pause = /^# wait (\d+)$/.exec(line)
  if (pause) return void both.wait(Number(pause[1]) * 1000)
  if (line === '# unplug') return void (await both.unplug())
  const { words, stdin, variables } = parse(line)
  const ages = AGES_OF_THE_CLIENT.test(line)
  const { ours, real } = await (ages ? both.bothWithAges(words) : both.both(words, stdin, variables))
  for (const said of [ours, real]) for (const stream of ['stdout', 'stderr'] as const) said[stream] = said[stream].replace(CHANCE, '$1-xxxxx')
  // descriptions are in words of our own
  if (words[0]!.startsWith('__complete')) for (const said of [ours, real]) said.stdout = said.stdout.replace(/\t.*$/gm, '')
  return { ours, real }
}

/** Ages as kubectl writes them: 5s, 3m12s, 2h, 4d3h, <invalid>. */
const AGE = /(?<![\w.=-])(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?![\w.-])/g
const UNITS = [365 * 86_400, 86_400, 3600, 60, 1]

/** The seconds between which it lies: of `3m` nobody knows the last unit. */
function range(parts: readonly (string | undefined)[]): [number, number] {
  const least = parts.reduce((sum, part, i) => sum + Number(part ?? 0) * UNITS[i]!, 0)
  return [least, least + UNITS[parts.findLastIndex((part) => part !== undefined)]!]
}

/**
 * Whether two outputs differ in ages only, and the real ones are older by no more than the time that the real kubectl took: a busy
 * machine takes it over the edge of a second. Columns are as wide as their ages, so blanks are not compared.
 */
export function onlyAged(ours: string, real: string, took: number): boolean {
  const take = (text: string): { rest: string; ages: [number, number][] } => {
    const ages: [number, number][] = []
    const rest = text.replace(AGE, (age: string, ...parts: (string | undefined)[]) => {
      if (age === '') return ''
      ages.push(range(parts.slice(0, UNITS.length)))
      return '<age>'
    })
    return { rest: rest.replace(/[ \t]+|-{3,}/g, ' '), ages }
  }
  const [a, b] = [take(ours), take(real)]
  const slack = Math.floor(took / 1000) + 1
  return a.rest === b.rest && a.ages.every(([least, most], i) => b.ages[i]![1] > least && b.ages[i]![0] < most + slack)
}

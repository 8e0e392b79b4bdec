import type { Environment } from '@marcbachmann/cel-js'
import { goPattern } from '../../custom-resources/structural.ts'

/** What the package's texts lack of cel-go's (ext/strings.go) and of Kubernetes' (apiserver/pkg/cel/library/regex.go). */

function findAll(text: string, pattern: string, most: bigint): string[] {
  const found = goPattern(pattern)
  const all = [...text.matchAll(new RegExp(found.source, `${found.flags.replace('g', '')}g`))].map(([match]) => match)
  return most < 0n ? all : all.slice(0, Number(most))
}

/** As Go's strings.Replace: an empty text stands before each character and at the end. */
function replace(text: string, from: string, to: string, most: bigint): string {
  let left = most < 0n ? Infinity : Number(most)
  return text.replaceAll(from, (match) => (left-- > 0 ? to : match))
}

function charAt(text: string, index: bigint): string {
  const all = [...text]
  if (index < 0n || index > BigInt(all.length)) throw new Error(`index out of range: ${index}`)
  return all[Number(index)] ?? ''
}

export function withTexts(environment: Environment): Environment {
  return environment
    // the package's own `matches` takes JavaScript's syntax
    .registerFunction('string.goMatches(string): bool', (text: string, pattern: string) => goPattern(pattern).test(text))
    .registerFunction('matches(string, string): bool', (text: string, pattern: string) => goPattern(pattern).test(text))
    .registerFunction('string.find(string): string', (text: string, pattern: string) => goPattern(pattern).exec(text)?.[0] ?? '')
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) => findAll(text, pattern, -1n))
    .registerFunction('string.findAll(string, int): list<string>', findAll)
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) => replace(text, from, to, -1n))
    .registerFunction('string.replace(string, string, int): string', replace)
    .registerFunction('string.charAt(int): string', charAt)
}

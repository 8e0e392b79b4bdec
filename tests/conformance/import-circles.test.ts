import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Packets hold packets: a tunnel's payload is a frame, an ICMP error's an IP packet. */
const NESTED = join('electron', 'engine', 'network', 'wire')

const IMPORT = /^\s*(?:import|export)\s+(?:((?:[\w$]+\s*,\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?|[\w$]+))\s+from\s+)?'(\.[^']+)'/gm

/** Whether nothing of an import is left when the types are taken off. */
const onlyTypes = (clause: string | undefined): boolean => clause !== undefined && /^\{(\s*type\s[^,}]*,?)+\s*\}$/.test(clause)

/** What a module needs when it is loaded, as paths from the root. */
function importsOf(file: string, known: ReadonlySet<string>): string[] {
  return [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)]
    .filter(([, clause]) => !onlyTypes(clause))
    .map(([, , specifier]) => join(dirname(file), specifier!))
    .filter((path) => known.has(path))
}

/** Tarjan's strongly connected components, those of more than one module. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const found: string[][] = []
  const visit = (module: string): void => {
    order.set(module, order.size)
    lowest.set(module, order.get(module)!)
    open.push(module)
    for (const next of graph.get(module)!) {
      if (!order.has(next)) visit(next)
      if (open.includes(next)) lowest.set(module, Math.min(lowest.get(module)!, lowest.get(next)!))
    }
    if (lowest.get(module) !== order.get(module)) return
    const circle = open.splice(open.indexOf(module))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const module of graph.keys()) if (!order.has(module)) visit(module)
  return found
}

function graphOf(files: readonly string[]): Map<string, string[]> {
  const known = new Set(files)
  return new Map(files.map((file) => [file, importsOf(file, known)]))
}

test('no module needs itself to be loaded: what two need stands in a third (types may point both ways)', () => {
  const files = ['electron', 'renderer'].flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
    .filter((path) => /\.(ts|svelte)$/.test(path) && !path.endsWith('.test.ts'))
    .sort()
  const graph = graphOf(files)
  expect([...graph.values()].flat().length, 'imports that are seen').toBeGreaterThan(2 * files.length)
  const wire = circles(graph).filter((circle) => circle.every((file) => file.startsWith(NESTED)))
  expect(wire, 'the one that has to be').toHaveLength(1)
  expect(circles(graph).filter((circle) => !wire.some((one) => one[0] === circle[0]))).toEqual([])
})

import type { Node } from './syntax.ts'

/**
 * The logarithm (base 2) of the most steps that a backtracking matcher takes at one place of a subject of 2^`length`
 * characters; Infinity where it grows exponentially with the subject ("(a+)+b").
 */
export function backtrackingCost(node: Node, length: number): number {
  switch (node.type) {
    case 'sequence':
      return node.items.reduce((sum, item) => sum + backtrackingCost(item, length), 0)
    case 'choice':
      return Math.log2(node.items.reduce((sum, item) => sum + 2 ** backtrackingCost(item, length), 0))
    case 'group':
    case 'look':
      return backtrackingCost(node.item, length)
    case 'repeat': {
      const inner = backtrackingCost(node.item, length)
      const range = node.max === Infinity ? length : Math.min(length, Math.log2(node.max - node.min + 1))
      if (inner === 0) return nullable(node.item) && node.max > 1 ? Infinity : range
      return node.max === Infinity ? Infinity : inner * Math.max(1, node.max) + range
    }
    default:
      return 0
  }
}

function nullable(node: Node): boolean {
  switch (node.type) {
    case 'char':
      return false
    case 'sequence':
      return node.items.every(nullable)
    case 'choice':
      return node.items.some(nullable)
    case 'group':
      return nullable(node.item)
    case 'repeat':
      return node.min === 0 || nullable(node.item)
    default:
      return true
  }
}

/**
 * Whether the first match that a greedy backtracking matcher finds is the longest one, too: no alternatives, and only
 * single characters are repeated. (Taking a character as early as possible then never leaves less for the rest.)
 */
export function greedyIsLongest(node: Node): boolean {
  switch (node.type) {
    case 'sequence':
      return node.items.every(greedyIsLongest)
    case 'choice':
    case 'look':
    case 'reference':
      return false
    case 'group':
      return greedyIsLongest(node.item)
    case 'repeat':
      return !node.lazy && (node.item.type === 'char' || (node.min === node.max && greedyIsLongest(node.item) && fixed(node.item)))
    default:
      return true
  }
}

function fixed(node: Node): boolean {
  switch (node.type) {
    case 'char':
      return true
    case 'sequence':
      return node.items.every(fixed)
    case 'group':
      return node.index === undefined && fixed(node.item)
    default:
      return false
  }
}

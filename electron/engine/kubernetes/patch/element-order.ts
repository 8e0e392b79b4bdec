/**
 * The order of a merged list: what the patch names stands as the patch (or its $setElementOrder) says, what only the
 * server has stands as it did, and the two are interleaved by the server's order where it knows both.
 * k8s.io/apimachinery/pkg/util/strategicpatch normalizeElementOrder.
 */
export function orderElements<T>(merged: readonly T[], keyOf: (item: T) => unknown, patchOrder: readonly unknown[], serverOrder: readonly unknown[]): T[] {
  const byPatch = ranks(patchOrder)
  const byServer = ranks(serverOrder)
  const rank = (order: Map<unknown, number>) => (a: T, b: T) => (order.get(keyOf(a)) ?? Infinity) - (order.get(keyOf(b)) ?? Infinity) || 0
  const right = merged.filter((item) => byPatch.has(keyOf(item))).sort(rank(byPatch))
  const left = merged.filter((item) => !byPatch.has(keyOf(item))).sort(rank(byServer))
  const out: T[] = []
  let i = 0
  let j = 0
  while (i < left.length || j < right.length) {
    if (i >= left.length) out.push(right[j++]!)
    else if (j >= right.length) out.push(left[i++]!)
    else {
      const a = byServer.get(keyOf(left[i]!))
      const b = byServer.get(keyOf(right[j]!))
      if (a !== undefined && b !== undefined && a < b) out.push(left[i++]!)
      else out.push(right[j++]!)
    }
  }
  return out
}

function ranks(order: readonly unknown[]): Map<unknown, number> {
  const out = new Map<unknown, number>()
  order.forEach((key, i) => {
    if (!out.has(key)) out.set(key, i)
  })
  return out
}

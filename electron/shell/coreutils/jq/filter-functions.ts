import type { Filter, Json } from './ast.ts'
import type { Environment } from './environment.ts'
import { PAUSE, type Evaluation, type Located, type Pause } from './evaluation.ts'
import { BY, deletePaths, getPath, setPath, type Path } from './operations.ts'
import { JqError, typeOf } from './values.ts'

type FilterFunction = (jq: Evaluation, args: readonly Filter[], input: Located, env: Environment) => Generator<Located | Pause>

function notSimulated(name: string): FilterFunction {
  return function* () {
    yield* []
    throw new JqError(`podhop: not simulated: ${name}`)
  }
}

function by(name: string): FilterFunction {
  return function* (jq, [key], { value }, env) {
    if (!Array.isArray(value)) throw new JqError(`Cannot index ${typeOf(value)} with number`)
    const keyed: { item: Json; key: Json }[] = []
    for (const item of value) keyed.push({ item, key: yield* jq.collected(key!, item, env) })
    yield { value: BY[name]!(keyed) }
  }
}

/** Functions that evaluate what they are given themselves, by name and number of arguments (jq's manual, "Builtin operators and functions"). */
export const FILTER_FUNCTIONS: Record<string, FilterFunction> = {
  *'empty/0'() {},
  *'error/0'(_jq, _args, { value }) {
    yield* []
    throw new JqError(value)
  },
  *'error/1'(jq, [message], input, env) {
    for (const value of jq.values(message!, input.value, env)) if (value === PAUSE) yield PAUSE; else throw new JqError(value)
  },
  *'path/1'(jq, [of], input, env) {
    for (const path of yield* jq.paths(of!, input.value, env)) yield { value: path as Json }
  },
  *'paths/0'(jq, _args, input, env) {
    for (const path of yield* jq.paths({ kind: 'recurse' }, input.value, env)) if (path.length > 0) yield { value: path as Json }
  },
  *'del/1'(jq, [of], input, env) {
    yield { value: deletePaths(input.value, yield* jq.paths(of!, input.value, env)) }
  },
  *'getpath/1'(jq, [at], input, env) {
    for (const path of jq.values(at!, input.value, env)) if (path === PAUSE) yield PAUSE; else yield { value: getPath(input.value, path as Path), ...(input.path && { path: [...input.path, ...(path as Path)] }) }
  },
  *'setpath/2'(jq, [at, to], input, env) {
    for (const path of jq.values(at!, input.value, env)) if (path === PAUSE) yield PAUSE; else for (const value of jq.values(to!, input.value, env)) if (value === PAUSE) yield PAUSE; else yield { value: setPath(input.value, path as Path, value) }
  },
  *'delpaths/1'(jq, [at], input, env) {
    for (const paths of jq.values(at!, input.value, env)) if (paths === PAUSE) yield PAUSE; else yield { value: deletePaths(input.value, paths as Path[]) }
  },
  'sort_by/1': by('sort_by'),
  'group_by/1': by('group_by'),
  'unique_by/1': by('unique_by'),
  'min_by/1': by('min_by'),
  'max_by/1': by('max_by'),
  *'limit/2'(jq, [most, of], input, env) {
    for (const count of jq.values(most!, input.value, env)) if (count === PAUSE) yield PAUSE; else {
      let left = Number(count)
      if (left <= 0) continue
      for (const out of jq.evaluate(of!, input, env)) if (out === PAUSE) yield PAUSE; else {
        yield out
        if (--left <= 0) break
      }
    }
  },
  *'first/1'(jq, [of], input, env) {
    for (const out of jq.evaluate(of!, input, env)) if (out === PAUSE) yield PAUSE; else {
      yield out
      return
    }
  },
  *'range/2'(jq, [start, end], input, env) {
    for (const to of jq.values(end!, input.value, env)) if (to === PAUSE) yield PAUSE; else {
      for (const from of jq.values(start!, input.value, env)) if (from === PAUSE) yield PAUSE; else {
        for (let n = Number(from); n < Number(to); n++) {
          if (jq.step()) yield PAUSE
          yield { value: n }
        }
      }
    }
  },
  *'isempty/1'(jq, [of], input, env) {
    for (const found of jq.evaluate(of!, input, env)) {
      if (found === PAUSE) yield PAUSE
      else {
        yield { value: false }
        return
      }
    }
    yield { value: true }
  },
  'input/0': notSimulated('input'),
  'inputs/0': notSimulated('inputs'),
  'debug/0': notSimulated('debug'),
  'input_line_number/0': notSimulated('input_line_number'),
}

import type { Filter, Json } from './ast.ts'
import type { Environment } from './environment.ts'
import type { Path } from './operations.ts'

/** A value with where it is in the input, while paths are wanted (update, path(…)). */
export interface Located { value: Json; path?: Path }
/** A filter gives this among its results when it has worked for a while; who runs it may wait, and comes back. */
export const PAUSE = Symbol('pause')
export type Pause = typeof PAUSE

/** What functions that are given filters, not values, need of who evaluates these. */
export interface Evaluation {
  evaluate(filter: Filter, input: Located, env: Environment): Generator<Located | Pause>
  values(filter: Filter, input: Json, env: Environment): Generator<Json | Pause>
  collected(filter: Filter, input: Json, env: Environment): Generator<Pause, Json[]>
  /** Where in its input a filter's results are; throws for one that makes new values. */
  paths(filter: Filter, input: Json, env: Environment): Generator<Pause, Path[]>
  /** Counts a step; whether it is time to let others work. */
  step(): boolean
}

import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import { withCollections } from './cel/libraries/collections.ts'
import { withNetworks } from './cel/libraries/networks.ts'
import { withQuantities } from './cel/libraries/quantities.ts'
import { withTexts } from './cel/libraries/texts.ts'

/**
 * CEL as Kubernetes has it (apiserver/pkg/cel/environment): the language is the package's; of the libraries that Kubernetes adds
 * there are those in cel/libraries. What needs another one (authorizer, url, format, semver, …) does not compile.
 */
export class KubernetesCel {
  readonly #environment: Environment

  /** `open`: names that are not declared are of any type; else they are an error. */
  constructor(variables: readonly string[], { open }: { open: boolean }) {
    this.#environment = withLibraries(new Environment({ unlistedVariablesAreDyn: open, homogeneousAggregateLiterals: false, enableOptionalTypes: true }))
    for (const name of variables) this.#environment.registerVariable(name, 'dyn')
  }

  /** Throws for what is no CEL; `check()` of the result tells what cannot be computed. */
  parse(text: string): ParseResult {
    return this.#environment.parse(text.replace(/\.matches\(/g, '.goMatches(').replace(INDEXED, '[$1].exists(indexed, has(indexed.$2))'))
  }
}

/** The package's `has` knows fields of fields, but not those of a list's elements: "has(self.rules[0].matches)". */
const INDEXED = /\bhas\(([^()]*\[[^()\]]*\][^()]*)\.(\w+)\)/g

function withLibraries(environment: Environment): Environment {
  return withTexts(withCollections(withQuantities(withNetworks(environment))))
}

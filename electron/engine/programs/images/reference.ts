/** Image references (distribution/reference): registry, repository, tag or digest, with Docker's defaults. */
export interface ImageReference {
  /** "docker.io/library/nginx" */
  repository: string
  tag: string | undefined
  digest: string | undefined
  /** "docker.io/library/nginx:1.27" */
  canonical: string
}

/** Throws an Error with the reference library's message. */
export function parseReference(text: string): ImageReference {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const named = at < 0 ? text : text.slice(0, at)
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const hasDomain = first.includes('.') || first.includes(':') || first === 'localhost'
  const domain = hasDomain ? first : 'docker.io'
  const rest = hasDomain ? named.slice(slash + 1) : named
  const colon = rest.lastIndexOf(':')
  const tag = colon < 0 ? undefined : rest.slice(colon + 1)
  const path = colon < 0 ? rest : rest.slice(0, colon)
  const full = domain === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  if (path !== path.toLowerCase()) throw new Error(`invalid reference format: repository name (${full}) must be lowercase`)
  if (!/^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/.test(full)) throw new Error('invalid reference format')
  if (tag !== undefined && !/^[\w][\w.-]{0,127}$/.test(tag)) throw new Error('invalid reference format')
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error('invalid reference format')
  const repository = `${domain}/${full}`
  const suffix = digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`
  return { repository, tag: digest === undefined ? (tag ?? 'latest') : tag, digest, canonical: `${repository}${suffix}` }
}

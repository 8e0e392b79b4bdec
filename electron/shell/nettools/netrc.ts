/** One machine of a .netrc file (netrc(5)); without a name: the default one. */
export interface NetrcEntry { machine: string | undefined; login?: string; password?: string }

/** "#" begins a comment, quotes hold a word together, macros end at an empty line. */
export function readNetrc(text: string): NetrcEntry[] {
  const entries: NetrcEntry[] = []
  const words = text.replace(/^\s*macdef\b[^]*?(\n\s*\n|$(?![^]))/gm, '\n').replace(/(^|\s)#.*$/gm, '').match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  const plain = (word: string | undefined): string => (word === undefined ? '' : word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word)
  for (let i = 0; i < words.length; i++) {
    const last = entries.at(-1)
    if (words[i] === 'machine') entries.push({ machine: plain(words[++i]) })
    else if (words[i] === 'default') entries.push({ machine: undefined })
    else if (words[i] === 'login' && last) last.login = plain(words[++i])
    else if (words[i] === 'password' && last) last.password = plain(words[++i])
    else if (words[i] === 'account') i++
  }
  return entries
}

/** The first machine of the name, or the default one; of a user that is known already, the password. */
export function loginOf(entries: readonly NetrcEntry[], host: string, user?: string): NetrcEntry | undefined {
  const found = entries.find((e) => e.machine === undefined || e.machine === host)
  return found === undefined || (user !== undefined && found.login !== user) ? undefined : found
}

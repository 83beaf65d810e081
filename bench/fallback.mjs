// One part of what a fallback costs, in a process of its own. Prints one row each as JSON: name, figures, goal, met.
const { part, ...input } = JSON.parse(process.argv[2])
const { measure } = await import(`./fallback/${part}.mjs`)
console.log(JSON.stringify(await measure(input)))

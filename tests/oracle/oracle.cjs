// Prints as JSON what the official mjml makes of a folder's .mjml files, or (`tables`) what it knows of its components.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const mjml2html = require('mjml')
const { components } = require('mjml-core')
const colours = require('mjml-core/lib/types/helpers/colors')
const { dependencies } = require('mjml-validator')
const { version } = require('mjml/package.json')

// ids of carousels are drawn; a recording must not change from run to run
let drawn = 0
Math.random = () => (drawn = (drawn + 0.618033988749895) % 1)

// a font that nobody asked for would be a difference of no interest
const OPTIONS = { validationLevel: 'soft', fonts: {}, keepComments: true, minify: false, beautify: false }

function validate(source) {
  try {
    mjml2html(source, { ...OPTIONS, validationLevel: 'strict' })
    return []
  } catch (error) {
    // without a body it cannot even be validated
    return error.errors || [{ line: null, message: error.message, tagName: null }]
  }
}

function compile(source) {
  const errors = validate(source).map(({ line, message, tagName }) => ({ line, message, tagName }))
  drawn = 0
  try {
    return { html: mjml2html(source, OPTIONS).html, errors }
  } catch {
    // a component in the wrong place ends it
    return { html: null, errors }
  }
}

function compileFolder(folder) {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.mjml')).sort()
  return Object.fromEntries(
    names.map((name) => [path.basename(name, '.mjml'), compile(fs.readFileSync(path.join(folder, name), 'utf8'))]),
  )
}

function tables() {
  const made = {}
  for (const [tag, { allowedAttributes, endingTag }] of Object.entries(components)) {
    made[tag] = { attributes: allowedAttributes || {}, endingTag: Boolean(endingTag) }
  }
  const children = {}
  for (const [parent, allowed] of Object.entries(dependencies)) {
    children[parent] = allowed.map((child) => (child instanceof RegExp ? '*' : child)).sort()
  }
  return { components: made, children, colours: colours.default || colours }
}

// mjml says by the way what it migrates from version 3
console.log = console.error

const [what] = process.argv.slice(2)
const made = what === 'tables' ? tables() : { files: compileFolder(what) }
process.stdout.write(JSON.stringify({ mjml: version, ...made }))

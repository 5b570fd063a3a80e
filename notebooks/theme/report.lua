-- Makes reports look alike in HTML, PDF and DOCX, in Quarto and in the built-in renderer:
-- English beside Chinese in small type, badges of origins and lights, notices, numbered captions.

local kinds = {
  observed = true, modelled = true, illustrative = true, warning = true, sound = true,
  good = true, watch = true, poor = true, none = true,
}
local html = FORMAT:match("html") ~= nil
local typst = FORMAT == "typst"
local docx = FORMAT == "docx"

local function typst_inlines(call, inlines)
  inlines:insert(1, pandoc.RawInline("typst", call .. "["))
  inlines:insert(pandoc.RawInline("typst", "]"))
  return inlines
end

local function kind_of(element)
  for _, class in ipairs(element.classes) do
    if kinds[class] then return class end
  end
end

local function has_chinese(text)
  for _, code in utf8.codes(text) do
    if code >= 0x3000 and code <= 0x9fff then return true end
  end
  return false
end

-- Returns the inlines with the English after the last Chinese word in a span of class `en`.
local function split_english(inlines)
  local last = 0
  for i, inline in ipairs(inlines) do
    if has_chinese(pandoc.utils.stringify(inline)) then last = i end
  end
  local first = last + 2
  if last == 0 or not inlines[first] or inlines[last + 1].t ~= "Space" then return inlines end
  -- "县 GEP GEP per km²": a word that stands twice belongs to the Chinese the first time.
  if inlines[first + 2] and inlines[first] == inlines[first + 2] then first = first + 2 end
  if not pandoc.utils.stringify(inlines[first]):match("^%a") then return inlines end
  local chinese, english = pandoc.Inlines({}), pandoc.Inlines({})
  for i, inline in ipairs(inlines) do
    if i < first - 1 then chinese:insert(inline) elseif i >= first then english:insert(inline) end
  end
  chinese:insert(pandoc.Space())
  if typst then
    chinese:extend(typst_inlines("#english", english))
  else
    local attributes = docx and { { "custom-style", "English" } } or { { "lang", "en" } }
    chinese:insert(pandoc.Span(english, pandoc.Attr("", { "en" }, attributes)))
  end
  return chinese
end

local function span(element)
  local kind = kind_of(element)
  local origin = element.classes:includes("origin")
  if (origin or element.classes:includes("light")) and kind then
    if typst then return typst_inlines('#badge("' .. kind .. '")', element.content) end
    if docx and origin then element.attributes["custom-style"] = "Origin " .. kind end
    return element
  end
  if element.classes:includes("note") then
    if typst then return typst_inlines("#note", element.content) end
    if docx then element.attributes["custom-style"] = "Note" end
    return element
  end
end

local function div(element)
  for _, name in ipairs({ "notice", "figures", "facts" }) do
    if element.classes:includes(name) then
      if typst then
        local kind = kind_of(element)
        local blocks = pandoc.Blocks({})
        blocks:insert(pandoc.RawBlock("typst", "#" .. name .. (kind and ('("' .. kind .. '")') or "") .. "["))
        blocks:extend(element.content)
        blocks:insert(pandoc.RawBlock("typst", "]"))
        return blocks
      end
      if name == "notice" then
        if docx then element.attributes["custom-style"] = "Notice " .. (kind_of(element) or "sound") end
        if html then element.attributes["role"] = "note" end
      end
      return element
    end
  end
end

-- Lets long names break after "_", "." and "/" between letters.
local function breakable(text, mark)
  return (text:gsub("(%a[_./])%f[%a]", "%1" .. mark))
end

local function word(element)
  if #element.text < 16 or not element.text:match("%a[_./]%a") then return end
  if not html then return pandoc.Str(breakable(element.text, "\u{200b}")) end
  local pieces = pandoc.Inlines({})
  for piece, mark in (breakable(element.text, "\n") .. "\n"):gmatch("([^\n]*)(\n)") do
    if #pieces > 0 then pieces:insert(pandoc.RawInline("html", "<wbr>")) end
    pieces:insert(pandoc.Str(piece))
  end
  return pieces
end

local function code(element)
  if html then return end
  element.text = breakable(element.text, "\u{200b}")
  return element
end

local function header(element)
  element.content = split_english(element.content)
  return element
end

-- Puts "表 1" or "图 1" before a caption; Typst numbers by itself.
local function number(caption, word, count)
  local first = caption.long[1]
  if not first then return end
  first.content = split_english(first.content)
  if not typst then
    local inlines = pandoc.Inlines({ pandoc.Str(word .. " " .. count .. "　") })
    inlines:extend(first.content)
    first.content = inlines
  end
end

-- Returns the contents as paragraphs with links: Word leaves its own field blank until it is updated.
local function contents(blocks, title)
  local function styled(name, inlines)
    return pandoc.Div({ pandoc.Para(inlines) }, { ["custom-style"] = name })
  end
  local list = pandoc.Blocks({ styled("TOC Heading", title) })
  local counts = { 0, 0 }
  for _, block in ipairs(blocks) do
    if block.t == "Header" and block.level <= 2 then
      counts[block.level] = counts[block.level] + 1
      if block.level == 1 then counts[2] = 0 end
      local number = block.level == 1 and counts[1] or counts[1] .. "." .. counts[2]
      local entry = pandoc.Inlines({ pandoc.Str(number .. "　") })
      entry:insert(pandoc.Link(block.content, "#" .. block.identifier))
      list:insert(styled("Contents " .. block.level, entry))
    end
  end
  return list
end

-- Quarto drops captions of tables without a label, and names figures in its own way, for Typst.
local function typst_figure(kind, element, content)
  local caption = pandoc.utils.blocks_to_inlines(element.caption.long)
  element.caption = { long = {} }
  element.classes:insert("typst:no-figure")
  local blocks = pandoc.Blocks({
    pandoc.RawBlock("typst", "#figure(kind: " .. kind .. ", caption: ["),
    pandoc.Plain(caption),
    pandoc.RawBlock("typst", "], ["),
  })
  blocks:extend(content)
  blocks:insert(pandoc.RawBlock("typst", "])"))
  return blocks
end

local function captions(document)
  local tables, figures = 0, 0
  document.blocks = document.blocks:walk({
    Table = function(element)
      if #element.caption.long == 0 then return end
      tables = tables + 1
      number(element.caption, "表", tables)
      return typst and typst_figure("table", element, { element }) or element
    end,
    Figure = function(element)
      if #element.caption.long == 0 then return end
      figures = figures + 1
      number(element.caption, "图", figures)
      return typst and typst_figure("image", element, element.content) or element
    end,
  })
  if docx then
    local title = document.meta["toc-title"] or pandoc.Inlines("目录 Contents")
    local list = contents(document.blocks, pandoc.utils.blocks_to_inlines({ pandoc.Plain(title) }))
    list:extend(document.blocks)
    document.blocks = list
  end
  if html then
    document.blocks = document.blocks:walk({
      Table = function(element)
        return pandoc.Div({ element }, { class = "table", tabindex = "0" })
      end,
    })
  end
  return document
end

return { { Span = span, Div = div, Header = header, Str = word, Code = code }, { Pandoc = captions } }
